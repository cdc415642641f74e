"""Prints the findings of an audit as tables."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from mlukit.corpus.audit.compare_parsers import UNEXPLAINED
from mlukit.corpus.audit.link_audit import MISSED, RECORDED, SET_ASIDE, TOO_MANY, WRONG, LinkTally
from mlukit.corpus.audit.mediawiki_rules import RULES
from mlukit.corpus.audit.parser_tally import KINDS, ParserTally
from mlukit.corpus.audit.residue import residue_classes
from mlukit.corpus.audit.residue_tally import LEFT, SIDES, UNTOLD, ResidueTally
from mlukit.schemas.wording import counted

_SIDES = {"theirs": "mwparserfromhell", "ours": "mlukit"}


def print_residue(tallies: Mapping[str, ResidueTally], examples: int) -> None:
    """Prints the rates of paragraphs with remains of markup by language, side and class; then examples."""
    print("Paragraphs with remains of markup, per 1,000 paragraphs:\n")
    found_sides = {side for tally in tallies.values() for side in tally.sides}
    sides = [side for side in SIDES if side in found_sides or (side != UNTOLD and found_sides - {UNTOLD})]
    _print_table([["language", "pages", "paragraphs", "any", *sides], *_side_rows(tallies, sides)])
    print()
    for side in sides:
        print(f"{side}: {SIDES[side]}")
    if UNTOLD in found_sides:
        print("These rates are upper limits. For exact rates, give --dumps DIR with the dumps from which OUT was made.")
    found = {name for tally in tallies.values() for name in tally.all.places}
    names = [one.name for one in residue_classes(next(iter(tallies), "en")) if one.name in found]
    for side in [side for side in (UNTOLD, LEFT) if side in found_sides]:
        print(f"\n{side}, by class:\n")
        rows = [[code, *(f"{tally.per_thousand(name, side):.2f}" for name in names)] for code, tally in tallies.items()]
        _print_table([["language", *names], *rows])
    for language, tally in tallies.items():
        _print_residue_examples(language, tally, examples)


def _side_rows(tallies: Mapping[str, ResidueTally], sides: Sequence[str]) -> Iterator[list[str]]:
    for language, tally in tallies.items():
        rates = [f"{tally.per_thousand(side=side):.2f}" for side in (None, *sides)]
        yield [language, f"{tally.pages:,}", f"{tally.paragraphs:,}", *rates]


def _print_residue_examples(language: str, tally: ResidueTally, number: int) -> None:
    if not number or not tally.all.places:
        return
    for side, found in tally.sides.items():
        for one in residue_classes(language):
            if one.name in found.places:
                shown = counted(found.places[one.name], "place")
                print(f"\n{language}  {side}: {one.name}  {one.text}: {shown}")
                for item in found.examples[one.name].items()[:number]:
                    print(f"    {item['title']}: {item['text']}")
    if tally.worst:
        print(f"\n{language}  worst pages")
    for places, page_id, title, classes in tally.worst[:number]:
        print(f"    {places:>5}  {title} ({-page_id}): {classes}")


def print_links(tallies: Mapping[str, LinkTally], examples: int) -> None:
    """Prints precision and recall of link targets by language; then every class of difference with examples."""
    print("\nLink targets; each target counts once per page:\n")
    rows = [["language", "pages", "against", "right", "wrong", "missed", "precision", "recall"]]
    for language, tally in tallies.items():
        counts = tally.counts
        if counts["links by number"]:
            against, wrong = "pagelinks by number", str(counts[TOO_MANY])
        else:
            against = "pagelinks" if counts[RECORDED] else "wikitext"
            wrong = f"{sum(counts[name] for name in WRONG):,}" if counts[RECORDED] else "–"
        missed = sum(counts[name] for name in MISSED)
        shares = [_percent(tally.precision), _percent(tally.recall)]
        rows.append([language, f"{counts['pages']:,}", against, f"{counts['right']:,}", wrong, f"{missed:,}", *shares])
    _print_table(rows)
    for language, tally in tallies.items():
        _print_classes(language, tally, examples)


def _print_classes(language: str, tally: LinkTally, number: int) -> None:
    numbers = {TOO_MANY: "pages with more targets than pagelinks has rows: some are wrong"}
    for name, text in (WRONG | MISSED | numbers | SET_ASIDE).items():
        if not tally.counts[name]:
            continue
        side = "no fault" if name in SET_ASIDE else "missed" if name in MISSED else "wrong"
        print(f"\n{language}  {name} ({side}): {tally.counts[name]:,}  {text}")
        sample = tally.examples.get(name)
        for item in sample.items()[:number] if sample else []:
            other = f" | {item['other']}" if item["other"] else ""
            print(f"    {item['title']} ({item['page_id']}): {item['target']}{other}")


def print_parsers(tallies: Mapping[str, ParserTally], examples: int) -> None:
    """Prints how often mlukit's parser and mwparserfromhell differ, by language and class; then examples."""
    print("\nmlukit's parser beside mwparserfromhell, on a sample of pages:\n")
    rows = [["language", "pages", *(f"{kind}s" for kind in KINDS), "differences", UNEXPLAINED, "not compared"]]
    for language, tally in tallies.items():
        numbers = [tally.pages, *(tally.facts[kind] for kind in KINDS), tally.differences.total()]
        numbers += [tally.differences[UNEXPLAINED], tally.left_out.total()]
        rows.append([language, *(f"{number:,}" for number in numbers)])
    _print_table(rows)
    reasons = sum((tally.left_out for tally in tallies.values()), Counter[str]())
    if reasons:
        print(f"\nnot compared: {', '.join(f'{reason} {number:,}' for reason, number in sorted(reasons.items()))}")
    classes = {
        **{rule.name: rule.reason for rule in RULES},
        UNEXPLAINED: "No other class explains the difference.",
    }
    for language, tally in tallies.items():
        for name, text in classes.items():
            if tally.differences[name]:
                print(f"\n{language}  {name}: {tally.differences[name]:,}  {text}")
                for item in tally.examples[name].items()[:examples]:
                    side = _SIDES[item["only_in"]]
                    what = " ".join(filter(None, [item["kind"], item["target"], repr(item["text"])]))
                    print(f"    {item['title']} ({item['page_id']}): only {side} has the {what}")


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.3f}%"


def _print_table(rows: Sequence[Sequence[str]]) -> None:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        first, *others = (cell.rjust(width) for cell, width in zip(row, widths, strict=True))
        print("  ".join([first.strip().ljust(widths[0]), *others]))
