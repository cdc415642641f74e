"""Counts which entities are related: linked near each other, or from each other's page, on train pages.

Relatedness is counted in three steps, each of which holds one hash part in memory. `count_neighbours` counts the pairs
of a shard of articles, `merge_neighbours` adds up a part over all shards, and `write_related` keeps the NEIGHBOURS most
related entities of each. The measure is normalised pointwise mutual information (Bouma, 2009) with the discount for
rare pairs of Pantel and Lin (2002). Pairs that occur no more often than by chance are left out.
"""

from collections.abc import Callable, Iterable, Set
from contextlib import ExitStack
from typing import BinaryIO, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mlukit.corpus.detection.array_file import ArrayFileWriter
from mlukit.corpus.detection.match_table import offsets_of
from mlukit.corpus.entities.count_links import Tally, pages_of_kinds, read_part, write_parts
from mlukit.corpus.relatedness.related_entities import KIND, STRENGTHS, VERSION, key_of
from mlukit.corpus.relatedness.spooled_array import SpooledArray
from mlukit.schemas.manifest import Flow

Integers: TypeAlias = npt.NDArray[np.int64]

NEAR = 5  # an entity is paired with this many different entities after it, and with the entity of the page
NEIGHBOURS = 32  # that are kept of an entity
COLUMNS = ["kind", "split", "qid", *(f"links.list.element.{field}" for field in ("start", "qid"))]
PARTS = 256
PAIRS = pa.schema(
    [
        pa.field("first", pa.uint32(), nullable=False),
        pa.field("second", pa.uint32(), nullable=False),
        pa.field("count", pa.int64(), nullable=False),
    ]
)


def part_of(qids: npt.NDArray[np.integer], parts: int) -> Integers:
    """The part of each entity; the keys of a part are above those of the part before."""
    return (key_of(qids).astype(np.int64) * parts) >> 32


def count_neighbours(
    batches: Iterable[pa.RecordBatch], kinds: Set[str], parts: int, stream: BinaryIO
) -> tuple[int, dict[str, Flow]]:
    """Counts the pairs of entities on train pages of some kinds, in both directions.

    Args:
        batches: batches of `schemas.arrow.ARTICLES`, with at least COLUMNS.
        kinds: the kinds of pages that count.
        parts: the number of hash parts, the same for all shards.
        stream: receives PAIRS, a row group for each part of the first entity.

    Returns:
        The number of different pairs, and the flow of pages.
    """
    tally, flow = Tally(PAIRS), Flow()
    for batch in batches:
        pages = pages_of_kinds(batch, kinds, flow)
        train = pages.filter(pc.equal(pages["split"], "train"))
        flow.leave_out("split validation", len(pages) - len(train))
        first, second = _pairs(*_linked(train), _numbers(train["qid"]))
        both = [np.concatenate([first, second]), np.concatenate([second, first])]
        columns = [*(column.astype(np.uint32) for column in both), np.ones(2 * len(first), np.int64)]
        tally.add(pa.table(columns, schema=PAIRS))
    pairs = tally.total()
    write_parts(pairs, part_of(pairs["first"].to_numpy(), parts), parts, stream)
    return len(pairs), {"pages searched for related entities": flow}


def _numbers(qids: pa.Array) -> Integers:
    """QIDs as numbers; 0 for none."""
    numbers: Integers = pc.fill_null(pc.cast(pc.utf8_slice_codeunits(qids, 1), pa.int64()), 0).to_numpy()
    return numbers


def _linked(pages: pa.RecordBatch) -> tuple[Integers, Integers]:
    """The different entities that each page links to, in the order of their first links: rows of pages, and QIDs."""
    rows = pc.list_parent_indices(pages["links"]).to_numpy().astype(np.int64)
    qids = _numbers(pages["links"].flatten().field("qid"))
    rows, qids = rows[qids > 0], qids[qids > 0]
    _, firsts = np.unique(rows << 32 | qids, return_index=True)
    firsts.sort()
    return rows[firsts], qids[firsts]


def _pairs(rows: Integers, qids: Integers, pages: Integers) -> tuple[Integers, Integers]:
    """The pairs of linked entities that stand near, and of each linked entity and the page's own."""
    page_items = pages[rows] if len(rows) else rows
    firsts, seconds = [page_items], [qids]
    for distance in range(1, NEAR + 1):
        same = rows[:-distance] == rows[distance:]
        firsts.append(qids[:-distance][same])
        seconds.append(qids[distance:][same])
    first, second = np.concatenate(firsts), np.concatenate(seconds)
    kept = (first > 0) & (first != second)
    return first[kept], second[kept]


def merge_neighbours(shards: Iterable[BinaryIO], part: int, merged: BinaryIO) -> int:
    """Adds up one part of the pairs over all shards of all languages.

    Args:
        shards: files of `count_neighbours`; each is opened only when it is read.
        part: the number of the hash part.
        merged: receives PAIRS in one row group, in the order of `key_of` the first entity and of the second entity.

    Returns:
        The number of different pairs.
    """
    tally = Tally(PAIRS)
    for stream in shards:
        tally.add(read_part(stream, part))
    pairs = tally.total()
    pairs = pairs.take(pa.array(np.argsort(key_of(pairs["first"].to_numpy()), kind="stable")))
    write_parts(pairs, np.zeros(len(pairs), np.int64), 1, merged)
    return len(pairs)


def write_related(writer: ArrayFileWriter, parts: Callable[[], Iterable[BinaryIO]]) -> dict[str, int]:
    """Writes the file of related entities. Memory: one part; what grows with the entities is in temporary files.

    Args:
        writer: of the file.
        parts: opens the files of `merge_neighbours` one after the other; called twice.

    Returns:
        The number of entities and of neighbours.
    """
    with ExitStack() as spooled:
        keys, totals = (spooled.enter_context(SpooledArray(dtype)) for dtype in ("<u4", "<i8"))
        for stream in parts():
            found, sums = _sums(read_part(stream, 0))
            keys.append(found)
            totals.append(sums)
        columns = {name: spooled.enter_context(SpooledArray(dtype)) for name, dtype in _COLUMNS.items()}
        all_keys, all_totals = keys.mapped(), totals.mapped()
        overall = int(all_totals.sum())
        for stream in parts():
            related = _relate(read_part(stream, 0), all_keys, all_totals, overall)
            for name, piece in related._asdict().items():
                columns[name].append(piece)
        entities = writer.write("keys", "<u4", columns["keys"].pieces())
        writer.write("offsets", "<u8", offsets_of(columns["lengths"].pieces()))
        neighbours = writer.write("neighbours", "<u4", columns["neighbours"].pieces())
        writer.write("strengths", "|u1", columns["strengths"].pieces())
    writer.finish(KIND, VERSION, {"rows": entities})
    return {"entities with related entities": entities, "related entities": neighbours}


def _sums(pairs: pa.Table) -> tuple[npt.NDArray[np.uint32], Integers]:
    """The key of each first entity, ascending, and the number of its pairs."""
    keys, counts = key_of(pairs["first"].to_numpy()), pairs["count"].to_numpy()
    starts = np.flatnonzero(np.diff(keys.astype(np.int64), prepend=-1))
    return keys[starts], np.add.reduceat(counts, starts) if len(starts) else counts


class _RelatedPart(NamedTuple):
    """The related entities of one hash part: pieces of the arrays of the file."""

    keys: npt.NDArray[np.uint32]
    lengths: Integers
    neighbours: npt.NDArray[np.uint32]
    strengths: npt.NDArray[np.uint8]


_COLUMNS = {"keys": "<u4", "lengths": "<i8", "neighbours": "<u4", "strengths": "|u1"}  # of `_RelatedPart`


def _relate(pairs: pa.Table, keys: npt.NDArray[np.uint32], totals: Integers, overall: int) -> _RelatedPart:
    """Keeps the most related entities of each entity of a merged part.

    Args:
        pairs: rows of PAIRS, as `merge_neighbours` writes them.
        keys: the keys of all entities, ascending.
        totals: the number of pairs of each of these entities.
        overall: the sum of the totals.
    """
    first, second, count = (pairs[name].to_numpy() for name in PAIRS.names)
    of_first, of_second = (totals[np.searchsorted(keys, key_of(qids))] for qids in (first, second))
    strengths = _strengths(count, of_first, of_second, overall)
    entities, entity, numbers = np.unique(key_of(first), return_inverse=True, return_counts=True)
    order = np.lexsort([second, -count, -strengths.astype(np.int64), entity])
    rank = np.arange(len(order)) - np.repeat(np.cumsum(numbers) - numbers, numbers)
    kept = np.sort(order[(rank < NEIGHBOURS) & (strengths[order] > 0)])  # ascending by entity and neighbour, as `pairs`
    lengths = np.bincount(entity[kept], minlength=len(entities))
    some = lengths > 0
    return _RelatedPart(entities[some], lengths[some], second[kept], strengths[kept])


def _strengths(count: Integers, totals: Integers, others: Integers, overall: int) -> npt.NDArray[np.uint8]:
    """Normalised pointwise mutual information with the discount for rare pairs, from 0 to STRENGTHS."""
    if not len(count):
        return np.empty(0, np.uint8)
    share = count / overall
    with np.errstate(divide="ignore", invalid="ignore"):
        information = np.log(count * (overall / totals) / others) / -np.log(share)
    rarer = np.minimum(totals, others)
    discounted = np.where(share < 1, information, 1) * (count / (count + 1)) * (rarer / (rarer + 1))
    strengths: npt.NDArray[np.uint8] = np.rint(np.clip(discounted, 0, 1) * STRENGTHS).astype(np.uint8)
    return strengths
