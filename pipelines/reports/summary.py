"""The summary at the end of a run: a row for each language, the place of the output, and the next command."""

import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from mlukit.engine.launch.progress import duration
from mlukit.engine.logs import is_shown
from mlukit.engine.storage import Storage
from mlukit.pipelines.reports.account import account_lines, aligned
from mlukit.schemas import layout
from mlukit.schemas.damage import damaged_files
from mlukit.schemas.layout import ALL_LANGUAGES, EXAMPLES, STAGES
from mlukit.schemas.manifest import Flow
from mlukit.schemas.summaries import MadeExamples, summary_in
from mlukit.schemas.wording import counted


@dataclass(slots=True)
class _Row:
    """The numbers of one language, or their sum."""

    pages: int = 0
    articles: int = 0
    links: int = 0
    resolved: int = 0
    mentions: int = 0
    examples: int = 0
    failed: int = 0

    def add(self, other: "_Row") -> None:
        for one in fields(_Row):
            setattr(self, one.name, getattr(self, one.name) + getattr(other, one.name))


def write_account(storage: Storage) -> str:
    """Writes the full account of an output folder to a file in the folder.

    Returns:
        The text of the account.
    """
    account = "".join(f"{line}\n" for line in account_lines(storage, STAGES))
    if storage.exists(layout.ACCOUNT):
        with storage.open(layout.ACCOUNT) as written:
            if written.read() == account.encode():
                return account
    with storage.write(layout.ACCOUNT) as stream:
        stream.write(account.encode())
    return account


def tell_summary(storage: Storage, account: str, seconds: float) -> None:
    """Prints the summary of a run: nothing with `--quiet`, and first the full account with `--verbose`."""
    if is_shown(logging.DEBUG):
        print(account)
    if is_shown(logging.INFO):
        print("\n".join(summary_lines(storage, seconds)))


def summary_lines(storage: Storage, seconds: float) -> Iterator[str]:
    """The lines of the summary: a table by language, number of entities, time, output folder, next command.

    Args:
        storage: the output folder, with at least one finished stage.
        seconds: the duration of the run.
    """
    records = {
        stage: storage.read_json(layout.stage_record(stage))
        for stage in STAGES
        if storage.exists(layout.stage_record(stage))
    }
    yield from _table(records)
    if vocabulary := records.get("vocabulary"):
        kept = Flow.from_json(vocabulary["languages"][ALL_LANGUAGES]["flows"]["entities kept"])
        yield f"Entities in the vocabulary: {kept.out:,}"
    yield ""
    root = storage.root.rstrip("/")
    yield f"Done in {duration(seconds)}. The output is in {root}."
    yield f"What was left out, what failed, and why: {root}/{layout.ACCOUNT}, or --verbose."
    yield f"Next: {_next(records, root)}"


def _table(records: Mapping[str, Any]) -> list[str]:
    languages = [code for code in records["link"]["languages"] if code != ALL_LANGUAGES]
    total, rows = _Row(), []
    for code in languages:
        row = _row_of(records, code)
        total.add(row)
        rows.append(_cells(code, row))
    total.failed += _row_of(records, ALL_LANGUAGES).failed
    headings = ("language", "pages", "articles", "links", "with an item", "mentions", "examples", "failed")
    table = [headings, *rows, _cells("total", total)]
    if "examples" not in records:
        table = [(*row[:5], row[7]) for row in table]
    damaged = Counter(file.language for file in damaged_files(records["link"]))
    notes = [_note(damaged[code]) for code in languages]
    return aligned(table, words=1, behind=["", *notes, _note(damaged.total())])


def _note(damaged: int) -> str:
    """The note after the numbers of a language."""
    return counted(damaged, "damaged file") if damaged else ""


def _row_of(records: Mapping[str, Any], code: str) -> _Row:
    """The numbers of a language from the records of finished stages."""
    row = _Row()
    for stage, record in records.items():
        if not (totals := record["languages"].get(code)):
            continue
        flows = {name: Flow.from_json(flow) for name, flow in totals["flows"].items()}
        row.failed += sum(flow.failed.total() for flow in flows.values())
        if stage == "link" and code != ALL_LANGUAGES:
            row.pages, row.articles = flows["pages"].entered, flows["pages"].out
            row.links, row.resolved = flows["links"].out, flows["links with item"].out
        elif stage == "examples":
            made = summary_in(totals, MadeExamples)
            row.mentions, row.examples = flows["mentions"].out, made.train + made.validation
    return row


def _cells(name: str, row: _Row) -> tuple[str, ...]:
    share = f"{row.resolved / row.links:.1%}" if row.links else "–"
    numbers = (row.mentions, row.examples, row.failed)
    return (name, f"{row.pages:,}", f"{row.articles:,}", f"{row.links:,}", share, *(f"{n:,}" for n in numbers))


def _next(records: Mapping[str, Any], root: str) -> str:
    """The most useful next command after the finished stages."""
    if "vocabulary" not in records:
        return f"mlukit vocabulary --output {root}, with the options that you want"
    if "examples" not in records:
        return f"mlukit examples --output {root}, with a tokenizer (mlukit examples --help)"
    folder: Sequence[str] = [path for path in records["examples"]["folders"] if path.startswith(f"{EXAMPLES}/")]
    return f"mlukit inspect {root}/{folder[0]}" if folder else f"mlukit inspect {root}"
