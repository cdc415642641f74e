"""What an audit found, as tables to read."""

from collections.abc import Mapping, Sequence

from corpus.link_audit import MISSED, RECORDED, SET_ASIDE, TOO_MANY, WRONG, LinkTally
from corpus.residue import ResidueTally, residue_classes


def print_residue(tallies: Mapping[str, ResidueTally], examples: int) -> None:
    """Paragraphs with remains of markup in a thousand, by language and class; then examples and the worst pages."""
    found = {name for tally in tallies.values() for name in tally.places}
    names = [of.name for of in residue_classes(next(iter(tallies), "en")) if of.name in found]
    print("Paragraphs with remains of markup, of 1,000:\n")
    rows = [["language", "pages", "paragraphs", "any", *names]]
    for language, tally in tallies.items():
        rates = [f"{tally.per_thousand(name):.2f}" for name in (None, *names)]
        rows.append([language, f"{tally.pages:,}", f"{tally.paragraphs:,}", *rates])
    _print_table(rows)
    for language, tally in tallies.items():
        _print_residue_examples(language, tally, examples)


def _print_residue_examples(language: str, tally: ResidueTally, number: int) -> None:
    if not number or not tally.places:
        return
    for of in residue_classes(language):
        if of.name in tally.places:
            print(f"\n{language}  {of.name}  {of.text}: {tally.places[of.name]:,} places")
            for item in tally.examples[of.name].items()[:number]:
                print(f"    {item['title']}: {item['text']}")
    print(f"\n{language}  worst pages")
    for places, page_id, title, classes in tally.worst[:number]:
        print(f"    {places:>5}  {title} ({-page_id}): {classes}")


def print_links(tallies: Mapping[str, LinkTally], examples: int) -> None:
    """Precision and recall of link targets by language; then every class of difference with examples."""
    print("\nLink targets; each counts once a page:\n")
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


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.3f}%"


def _print_table(rows: Sequence[Sequence[str]]) -> None:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        first, *others = (cell.rjust(width) for cell, width in zip(row, widths, strict=True))
        print("  ".join([first.strip().ljust(widths[0]), *others]))
