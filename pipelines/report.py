"""The table that a run ends with: for each stage and language, in = out + failed + skipped, with the reasons."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from mlukit.engine.storage import Storage
from mlukit.schemas import layout
from mlukit.schemas.damage import damaged_files
from mlukit.schemas.manifest import Flow

_REASONS_SHOWN = 4
_MEASURES = ("stage", "step", "tasks", "done before", "wall s", "CPU s", "MB read", "MB written", "peak MB")


def print_report(storage: Storage, stages: Sequence[str]) -> None:
    """Prints the table of the stages that are finished."""
    rows: list[tuple[str, ...]] = [("stage", "language", "what", "in", "out", "failed", "skipped", "reasons")]
    for stage in stages:
        if storage.exists(layout.stage_record(stage)):
            record = storage.read_json(layout.stage_record(stage))
            rows += _stage_rows(stage, record)
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]) - 1)]
    for row in rows:
        numbers = [
            cell.rjust(width) if i >= 3 else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=False))
        ]
        print("  ".join([*numbers, row[-1]]).rstrip())


def print_measures(storage: Storage) -> None:
    """Prints what the steps of all runs took, if there were any."""
    rows: list[tuple[str, ...]] = [_MEASURES]
    for entry in storage.read_json(layout.RUN_RECORD)["runs"]:
        rows += [_measures_row(entry["stage"], step["step"], step) for step in entry["steps"]]
        rows.append(_measures_row(entry["stage"], "all", entry))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows if len(rows) > 1 else ():
        cells = enumerate(zip(row, widths, strict=True))
        print("  ".join(cell.rjust(width) if i >= 2 else cell.ljust(width) for i, (cell, width) in cells))


def _measures_row(stage: str, step: str, measures: Mapping[str, Any]) -> tuple[str, ...]:
    tasks = (f"{measures[name]:,}" for name in ("tasks_done", "tasks_found_done"))
    seconds = (f"{measures[name]:,.1f}" for name in ("wall_seconds", "cpu_seconds"))
    megabytes = (f"{measures[name] / 1e6:,.1f}" for name in ("bytes_read", "bytes_written", "peak_bytes"))
    return (stage, step, *tasks, *seconds, *megabytes)


def _stage_rows(stage: str, record: Mapping[str, Any]) -> list[tuple[str, ...]]:
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
    spaces = [reason for reason in reasons if reason.startswith("namespace ")]
    told = Counter[str]()
    for reason, n in reasons.items():
        told["other namespaces" if len(spaces) > 1 and reason in spaces else reason] += n
    reasons = +told
    shown = [f"{reason} {n:,}" for reason, n in sorted(reasons.items(), key=lambda r: (-r[1], r[0]))]
    return ", ".join(shown[:_REASONS_SHOWN]) + (", …" if len(shown) > _REASONS_SHOWN else "")
