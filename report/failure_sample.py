"""An example of each reason of failures."""

from collections.abc import Collection
from typing import Any

from mlukit.report.row_sample import FolderSample

DETAIL_CHARACTERS = 300


def failure_examples(
    sample: FolderSample, language: str, wanted: Collection[tuple[str, str]]
) -> dict[tuple[str, str], dict[str, Any]]:
    """The first failure of each wanted stage and reason in a sample of a language's failures."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for table in sample:
        for stage, reason in sorted(set(wanted) - found.keys()):
            if row := _first(table, stage, reason):
                found[stage, reason] = {
                    "language": language,
                    "page_id": row["page_id"],
                    "title": row["title"],
                    "detail": row["detail"][:DETAIL_CHARACTERS],
                }
        if len(found) == len(wanted):
            break
    return found


def _first(table: Any, stage: str, reason: str) -> dict[str, Any] | None:
    pairs = zip(table["stage"].to_pylist(), table["reason"].to_pylist(), strict=True)
    number = next((row for row, pair in enumerate(pairs) if pair == (stage, reason)), None)
    return None if number is None else table.slice(number, 1).to_pylist()[0]
