"""The tables of what a linker got right, in Markdown."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain

from mlukit.linker.measure import BANDS, CHOICES, THRESHOLDS, Measured, Score


def report(by_language: Mapping[str, Measured], threshold: float) -> Iterator[str]:
    """The lines of all tables, in Markdown."""
    total = Measured()
    for one in by_language.values():
        total.add(one)
    rows = {**by_language, "all": total}
    choices = [choice for choice in CHOICES if any(name == choice for name, _ in total.right)] or [CHOICES[0]]
    tables = (
        _spans_table(rows, threshold),
        _accuracy_table(rows, choices),
        _linked_table(rows, choices),
        _bands_table(total, choices),
        _curve_table(rows),
    )
    yield from chain.from_iterable((*table, "") for table in tables)


def _table(title: str, head: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    lines = [f"**{title}**", "", _row(head), _row(["---", *["---:"] * (len(head) - 1)])]
    return [*lines, *map(_row, rows)]


def _row(cells: Iterable[object]) -> str:
    return f"| {' | '.join(map(_cell, cells))} |"


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.3f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _spans_table(rows: Mapping[str, Measured], threshold: float) -> list[str]:
    head = ["language", "documents", "gold", "found", "right", "precision", "recall", "F1"]
    cells = (
        [name, one.documents, one.spans.gold, one.spans.found, one.spans.right, *_prf(one.spans)]
        for name, one in rows.items()
    )
    return _table(f"Spans, link probability of at least {threshold:g}", head, cells)


def _prf(score: Score) -> list[float]:
    return [score.precision, score.recall, score.f1]


def _accuracy_table(rows: Mapping[str, Measured], choices: Sequence[str]) -> list[str]:
    head = ["language", "gold", "in dictionary", "item among candidates", *choices]
    head += ["of these, ambiguous", *(f"ambiguous: {choice}" for choice in choices)]
    cells = (
        [
            *(name, gold, one.named / max(1, gold), one.reachable / max(1, gold)),
            *_shares(one.right, gold, choices),
            one.ambiguous,
            *(one.resolved[choice] / max(1, one.ambiguous) for choice in choices),
        ]
        for name, one in rows.items()
        for gold in [one.spans.gold]
    )
    return _table("Accuracy of items, given the gold spans", head, cells)


def _shares(right: Counter[tuple[str, int]], gold: int, choices: Sequence[str], band: int | None = None) -> list[float]:
    return [_count(right, choice, band) / max(1, gold) for choice in choices]


def _count(right: Counter[tuple[str, int]], choice: str, band: int | None = None) -> int:
    return sum(n for (name, of_band), n in right.items() if name == choice and band in (None, of_band))


def _linked_table(rows: Mapping[str, Measured], choices: Sequence[str]) -> list[str]:
    head = ["language", *(f"{choice}: {name}" for choice in choices for name in ("precision", "recall", "F1"))]
    cells = (
        [
            name,
            *chain.from_iterable(
                _prf(Score(one.spans.gold, one.spans.found, _count(one.linked, choice))) for choice in choices
            ),
        ]
        for name, one in rows.items()
    )
    return _table("End to end: span and item", head, cells)


def _bands_table(total: Measured, choices: Sequence[str]) -> list[str]:
    head = ["links to the item", "gold", *(f"accuracy, {name}" for name in choices)]
    head += [f"end-to-end recall, {name}" for name in choices]
    borders = [*BANDS[1:], None]
    cells = (
        [
            _band_name(low, following),
            gold,
            *_shares(total.right, gold, choices, low),
            *_shares(total.linked, gold, choices, low),
        ]
        for low, following in zip(BANDS, borders, strict=True)
        if (gold := total.bands[low])
    )
    return _table("By frequency of the item: train links to it, in all languages", head, cells)


def _band_name(low: int, following: int | None) -> str:
    if following is None:
        return f"{low:,} and more"
    return f"{low:,}" if following == low + 1 else f"{low:,} to {following - 1:,}"


def _curve_table(rows: Mapping[str, Measured]) -> list[str]:
    head = ["threshold", *(f"{name}: {value}" for name in ("all",) for value in ("found", "precision", "recall", "F1"))]
    head += [f"F1 {name}" for name in rows if name != "all"]
    cells = (
        [
            f"{threshold:g}",
            rows["all"].curve[threshold].found,
            *_prf(rows["all"].curve[threshold]),
            *(one.curve[threshold].f1 for name, one in rows.items() if name != "all"),
        ]
        for threshold in THRESHOLDS
    )
    return _table("Spans by threshold", head, cells)
