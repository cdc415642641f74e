"""The rows of pagelinks with their titles, partitioned by page: MediaWiki's own record of links.

Since 2024 pagelinks has the ids of another table, linktarget, in place of namespaces and titles.
https://www.mediawiki.org/wiki/Manual:Pagelinks_table
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from mlukit.corpus.dumps.mediawiki_tables import LinkTarget, PageLink, TargetLink
from mlukit.corpus.entities.count_links import part_of_qids
from mlukit.corpus.linking.hash_partitions import PARTS, PartitionedRows

PAGE_LINKS = pa.schema(
    [
        pa.field("page_id", pa.int64(), nullable=False),
        pa.field("namespace", pa.int32(), nullable=False),  # UNKNOWN where linktarget is missing
        pa.field("title", pa.string()),  # with spaces, without the namespace's name; null where linktarget is missing
    ]
)
UNKNOWN = -99
_TARGET_LINKS = pa.schema([pa.field("page_id", pa.int64()), pa.field("target_id", pa.int64())])
_TARGETS = pa.schema(
    [pa.field("target_id", pa.int64()), pa.field("namespace", pa.int32()), pa.field("title", pa.string())]
)
_BATCH_ROWS = 1 << 18

R = TypeVar("R")


def page_parts(page_ids: npt.NDArray[np.int64], parts: int) -> npt.NDArray[np.int64]:
    """The part of each page."""
    return part_of_qids(page_ids, parts)


def write_page_links(
    links: Iterable[PageLink | TargetLink],
    targets: Iterable[LinkTarget] | None,
    folder: Path,
    parts: int,
    out: BinaryIO,
) -> Counter[str]:
    """Writes PAGE_LINKS: a row group for each part of the pages, sorted by page.

    Memory: a part of the links, and one of linktarget. Disk, in `folder`: 30 to 60 bytes a link.

    Args:
        links: rows of pagelinks.
        targets: rows of linktarget; None where the table is missing.
        folder: for temporary files.
        parts: number of parts, at most `corpus.linking.hash_partitions.PARTS`.
        out: receives the rows.

    Returns:
        The numbers of rows: "links", "links without linktarget".
    """
    counts: Counter[str] = Counter()
    with PartitionedRows(folder / "by_page", PAGE_LINKS) as by_page:
        with PartitionedRows(folder / "by_target", _TARGET_LINKS) as by_target:
            for batch in _batches(links):
                _add_links(batch, by_page, by_target, parts, counts)
            for rows in _named(by_target, targets, folder, counts):
                by_page.add(rows, page_parts(rows["page_id"].to_numpy(), parts))
        with pq.ParquetWriter(out, PAGE_LINKS, compression="zstd", write_statistics=False) as writer:
            for part in range(parts):
                rows = by_page.read(part).sort_by("page_id")
                writer.write_table(rows, row_group_size=max(1, rows.num_rows))
    return counts


def _batches(rows: Iterable[R]) -> Iterator[list[R]]:
    """The rows in lists of at most _BATCH_ROWS."""
    rows = iter(rows)
    while batch := list(islice(rows, _BATCH_ROWS)):
        yield batch


def _add_links(
    batch: list[PageLink | TargetLink],
    by_page: PartitionedRows,
    by_target: PartitionedRows,
    parts: int,
    counts: Counter[str],
) -> None:
    """Adds rows that have titles to `by_page`, and rows that have ids to `by_target`."""
    counts["links"] += len(batch)
    named = [link for link in batch if isinstance(link, PageLink)]
    if named:
        rows = _record_batch(named, PAGE_LINKS)
        by_page.add(rows, page_parts(rows["page_id"].to_numpy(), parts))
    numbered = [link for link in batch if isinstance(link, TargetLink)]
    if numbered:
        rows = _record_batch(numbered, _TARGET_LINKS)
        by_target.add(rows, part_of_qids(rows["target_id"].to_numpy(), PARTS))


def _record_batch(rows: Sequence[tuple[Any, ...]], schema: pa.Schema) -> pa.RecordBatch:
    """Tuples as a batch of a schema."""
    columns = zip(*rows, strict=True)
    arrays = [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _named(
    links: PartitionedRows, targets: Iterable[LinkTarget] | None, folder: Path, counts: Counter[str]
) -> Iterator[pa.RecordBatch]:
    """Rows of PAGE_LINKS for the links that have the id of their target."""
    with PartitionedRows(folder / "targets", _TARGETS) as names:
        for batch in _batches(targets or ()):
            rows = _record_batch(batch, _TARGETS)
            names.add(rows, part_of_qids(rows["target_id"].to_numpy(), PARTS))
        for part in range(PARTS):
            yield from _join(links.read(part), names.read(part), targets is None, counts)


def _join(links: pa.Table, targets: pa.Table, missing: bool, counts: Counter[str]) -> Iterator[pa.RecordBatch]:
    """A part of the links with the titles of their targets; the titles are null if the table of targets is missing.

    A link whose target is not in the table is left out and counted as "links without linktarget".
    """
    if missing:
        titles = pa.nulls(links.num_rows, pa.string())
        unknown = pa.array(np.full(links.num_rows, UNKNOWN), pa.int32())
        table = pa.table([links["page_id"], unknown, titles], schema=PAGE_LINKS)
    else:
        targets = targets.sort_by("target_id")
        known, wanted = targets["target_id"].to_numpy(), links["target_id"].to_numpy()
        positions = np.minimum(np.searchsorted(known, wanted), max(len(known) - 1, 0))
        found = known[positions] == wanted if len(known) else np.zeros(len(wanted), bool)
        counts["links without linktarget"] += int(len(wanted) - found.sum())
        named = targets.take(pa.array(positions[found]))
        table = pa.table(
            [links["page_id"].filter(pa.array(found)), named["namespace"], named["title"]], schema=PAGE_LINKS
        )
    yield from table.combine_chunks().to_batches(max_chunksize=_BATCH_ROWS)
