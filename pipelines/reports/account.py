"""The account of an output folder: for each stage and language, in = out + failed + skipped, with the reasons."""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Any

from mlukit.engine.storage import Storage
from mlukit.schemas import layout
from mlukit.schemas.damage import damaged_files
from mlukit.schemas.manifest import Flow

_REASONS_SHOWN = 4
_MEASURES = ("stage", "step", "tasks", "done before", "wall s", "CPU s", "MB read", "MB written", "peak MB")


def account_lines(storage: Storage, stages: Sequence[str]) -> list[str]:
    """The account of finished stages as lines of a table."""
    rows: list[tuple[str, ...]] = [("stage", "language", "what", "in", "out", "failed", "skipped", "reasons")]
    for stage in stages:
        if storage.exists(layout.stage_record(stage)):
            rows += _stage_rows(stage, storage.read_json(layout.stage_record(stage)))
    return aligned([row[:-1] for row in rows], words=3, behind=[row[-1] for row in rows])


def measures_lines(storage: Storage) -> list[str]:
    """The time, memory and bytes of the steps of all runs as lines of a table; an empty list without runs."""
    rows: list[tuple[str, ...]] = [_MEASURES]
    for entry in storage.read_json(layout.RUN_RECORD)["runs"]:
        rows += [_measures_row(entry["stage"], step["step"], step) for step in entry["steps"]]
        rows.append(_measures_row(entry["stage"], "all", entry))
    return aligned(rows, words=2) if len(rows) > 1 else []


def aligned(rows: Sequence[Sequence[str]], words: int, behind: Sequence[str] = ()) -> list[str]:
    """Formats a table as lines.

    Args:
        rows: the cells, with the same number in each row; the first row has the headings.
        words: the number of left-aligned columns at the beginning; the other columns are right-aligned.
        behind: a last cell for each row, which is not aligned.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row, last in zip_longest(rows, behind, fillvalue=""):
        cells = enumerate(zip(row, widths, strict=True))
        shown = [cell.ljust(width) if i < words else cell.rjust(width) for i, (cell, width) in cells]
        lines.append("  ".join([*shown, last]).rstrip())
    return lines


def _measures_row(stage: str, step: str, measures: Mapping[str, Any]) -> tuple[str, ...]:
    tasks = (f"{measures[name]:,}" for name in ("tasks_done", "tasks_found_done"))
    seconds = (f"{measures[name]:,.1f}" for name in ("wall_seconds", "cpu_seconds"))
    megabytes = (f"{measures[name] / 1e6:,.1f}" for name in ("bytes_read", "bytes_written", "peak_bytes"))
    return (stage, step, *tasks, *seconds, *megabytes)


def _stage_rows(stage: str, record: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """The rows of a stage: one for each language and flow, and one for the files of a language with damaged files."""
    rows, damaged = [], damaged_files(record)
    for language, totals in record["languages"].items():
        for what, value in totals["flows"].items():
            flow = Flow.from_json(value)
            counts = (flow.entered, flow.out, flow.failed.total(), flow.skipped.total())
            rows.append((stage, language, what, *(f"{n:,}" for n in counts), _reasons(flow.failed + flow.skipped)))
        if files := [file for file in damaged if file.language == language]:
            number = sum(source["language"] == language for source in record["sources"])
            counts = (number, number - len(files), len(files), 0)
            reasons = sum((file.reasons for file in files), Counter[str]())
            rows.append((stage, language, "files", *(f"{n:,}" for n in counts), _reasons(reasons)))
    return rows


def _reasons(reasons: Counter[str]) -> str:
    """The most frequent reasons with their numbers; several namespaces are added up."""
    spaces = [reason for reason in reasons if reason.startswith("namespace ")]
    told = Counter[str]()
    for reason, n in reasons.items():
        told["other namespaces" if len(spaces) > 1 and reason in spaces else reason] += n
    reasons = +told
    shown = [f"{reason} {n:,}" for reason, n in sorted(reasons.items(), key=lambda r: (-r[1], r[0]))]
    return ", ".join(shown[:_REASONS_SHOWN]) + (", …" if len(shown) > _REASONS_SHOWN else "")
