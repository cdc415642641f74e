"""Writes a table as Markdown, CSV, or one HTML page with a plot."""

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from html import escape

from mlukit.evaluation.metrics.bootstrap import Bootstrap
from mlukit.evaluation.results.plot import Series, plot
from mlukit.evaluation.results.table import Cell, Table, bootstrap_note

_STYLE = (
    "body{font:16px sans-serif;max-width:60em;margin:2em auto}table{border-collapse:collapse}"
    "th,td{border:1px solid #999;padding:.3em .6em;text-align:right}th:first-child{text-align:left}"
)


def to_markdown(table: Table) -> str:
    """The table as Markdown, with its caption below."""
    header, *rows = _texts(table)
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    body = "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)
    return f"**{table.full_title}**\n\n{body}\n\n" + "\n".join(f"- {note}" for note in _captions(table)) + "\n"


def to_csv(table: Table) -> str:
    """The table as CSV: a line for each test and column, shares with all their digits."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([table.heading, "column", "mean", "standard_deviation", "low", "high", "p"])
    for test, cells in table.rows.items():
        for column, cell in zip(table.columns, cells, strict=True):
            if cell:
                writer.writerow([test, column, cell.mean, "" if cell.spread is None else cell.spread, "", "", ""])
        for run, found in zip(table.compared_columns, table.compared.get(test, ()), strict=False):
            if found:
                name = f"{run}: {table.difference}"
                writer.writerow([test, name, found.difference, "", found.low, found.high, found.p])
    return out.getvalue()


def to_html(table: Table) -> str:
    """The table as one page that needs no other file."""
    header, *rows = _texts(table)
    head = "".join(f"<th>{escape(text)}</th>" for text in header)
    body = "".join(
        f"<tr><th>{escape(first)}</th>{''.join(f'<td>{escape(text)}</td>' for text in others)}</tr>"
        for first, *others in rows
    )
    notes = "".join(f"<li>{escape(note)}</li>" for note in _captions(table))
    title = escape(table.full_title)
    return (
        f'<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>{title}</title><style>{_STYLE}</style>\n'
        f"<h1>{title}</h1>\n<table><tr>{head}</tr>{body}</table>\n"
        f"{to_svg(table)}<ul>{notes}</ul></html>\n"
    )


def to_svg(table: Table) -> str:
    """The plot of the table alone."""
    columns = [[cells[number] for cells in table.rows.values()] for number in range(len(table.columns))]
    series = {name: _series(cells, table.scale) for name, cells in zip(table.columns, columns, strict=True)}
    return f"{plot(table.full_title, list(table.rows), series)}\n"


FORMATS: Mapping[str, Callable[[Table], str]] = {
    "markdown": to_markdown,
    "csv": to_csv,
    "html": to_html,
    "svg": to_svg,
}


def _series(cells: Sequence[Cell | None], scale: int) -> Series:
    return Series(
        [None if cell is None else scale * cell.mean for cell in cells],
        [0 if cell is None else scale * (cell.spread or 0) for cell in cells],
    )


def _texts(table: Table) -> Iterator[list[str]]:
    """The header and the rows."""
    several = len(table.compared_columns) > 1
    names = [f"{run}: {table.difference}" if several else f"{table.difference}" for run in table.compared_columns]
    yield [table.heading, *table.columns, *names]
    for test, cells in table.rows.items():
        compared = table.compared.get(test) or [None] * len(names)
        yield [test, *(_cell_text(table, one) for one in cells), *(_bootstrap_text(table, one) for one in compared)]


def _cell_text(table: Table, cell: Cell | None) -> str:
    if cell is None:
        return "-"
    mean = table.shown(cell.mean)
    return mean if cell.spread is None else f"{mean} ± {table.shown(cell.spread)}"


def _bootstrap_text(table: Table, found: Bootstrap | None) -> str:
    if found is None:
        return "-"
    difference, low, high = (f"{table.scale * one:+.1f}" for one in (found.difference, found.low, found.high))
    return f"{difference} [{low}, {high}], p = {found.p:.3f}"


def _captions(table: Table) -> list[str]:
    spread = any(cell and cell.spread is not None for cells in table.rows.values() for cell in cells)
    notes = ["± is the sample standard deviation over seeds." if spread else "", bootstrap_note(table)]
    return [*table.notes, *filter(None, notes)]
