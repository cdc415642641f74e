"""Counts which entities are related: linked near each other, or from each other's page, on train pages.

Relatedness is counted in three steps, each of which holds one hash part in memory. `count_neighbours` counts the pairs
of a shard of articles, `merge_neighbours` adds up a part over all shards, and `relate` keeps the NEIGHBOURS most
related entities of each. The measure is normalised pointwise mutual information (Bouma, 2009) with the discount for
rare pairs of Pantel and Lin (2002). Pairs that occur no more often than by chance are left out.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mlukit.corpus.entities.count_links import Tally
from mlukit.corpus.relatedness.related_entities import STRENGTHS, key_of
from mlukit.schemas.manifest import Flow

Integers: TypeAlias = npt.NDArray[np.int64]

NEAR = 5  # an entity is paired with this many different entities after it, and with the entity of the page
NEIGHBOURS = 32  # that are kept of an entity
COLUMNS = ["kind", "split", "qid", *(f"links.list.element.{field}" for field in ("start", "qid"))]
PAIRS = pa.schema([pa.field(name, pa.int64(), nullable=False) for name in ("first", "second", "count")])


def part_of(qids: npt.NDArray[np.integer], parts: int) -> Integers:
    """The part of each entity; the keys of a part are above those of the part before."""
    return (key_of(qids).astype(np.int64) * parts) >> 32


def count_neighbours(batches: Iterable[pa.RecordBatch], kinds: frozenset[str]) -> tuple[pa.Table, Flow]:
    """Counts the pairs of entities on train pages of some kinds, in both directions.

    Args:
        batches: batches of `schemas.arrow.ARTICLES`, with at least COLUMNS.
        kinds: the kinds of pages that count.

    Returns:
        Rows of PAIRS, and the flow of pages.
    """
    tally, flow = Tally(PAIRS), Flow()
    for batch in batches:
        wanted = pc.and_(pc.is_in(batch["kind"], pa.array(sorted(kinds))), pc.equal(batch["split"], "train"))
        pages = batch.filter(wanted)
        flow.entered += batch.num_rows
        flow.out += pages.num_rows
        if left_out := batch.num_rows - pages.num_rows:
            flow.skipped["other kind or split"] += left_out
        first, second = _pairs(*_linked(pages), _numbers(pages["qid"]))
        both = [np.concatenate([first, second]), np.concatenate([second, first])]
        tally.add(pa.table([*both, np.ones(2 * len(first), np.int64)], schema=PAIRS))
    return tally.total(), flow


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
    own = pages[rows] if len(rows) else rows
    firsts, seconds = [own], [qids]
    for distance in range(1, NEAR + 1):
        same = rows[:-distance] == rows[distance:]
        firsts.append(qids[:-distance][same])
        seconds.append(qids[distance:][same])
    first, second = np.concatenate(firsts), np.concatenate(seconds)
    kept = (first > 0) & (first != second)
    return first[kept], second[kept]


def merge_neighbours(shards: Iterable[pa.Table]) -> pa.Table:
    """Adds up one part of the pairs over all shards: rows of PAIRS, sorted by the key of the first entity."""
    tally = Tally(PAIRS)
    for shard in shards:
        tally.add(shard)
    rows = tally.total()
    return rows.take(pa.array(np.argsort(key_of(rows["first"].to_numpy()), kind="stable")))


def totals_of(pairs: pa.Table) -> tuple[npt.NDArray[np.uint32], Integers]:
    """The entities of a merged part, in order, and the number of pairs of each."""
    firsts, counts = pairs["first"].to_numpy(), pairs["count"].to_numpy()
    starts = np.flatnonzero(np.diff(firsts, prepend=-1))
    return firsts[starts].astype(np.uint32), np.add.reduceat(counts, starts) if len(starts) else counts


@dataclass(frozen=True, slots=True, eq=False)
class RelatedPart:
    """The related entities of one hash part: the arrays of the file."""

    keys: npt.NDArray[np.uint32]  # of the entities, ascending
    lengths: Integers  # the number of neighbours of each entity
    neighbours: npt.NDArray[np.uint32]  # of one entity after the other, ascending
    strengths: npt.NDArray[np.uint8]  # of each neighbour, from 1 to STRENGTHS


def relate(pairs: pa.Table, others: Integers, overall: int) -> RelatedPart:
    """Keeps the most related entities of each entity of a merged part.

    Args:
        pairs: rows of PAIRS, sorted by the key of the first entity.
        others: the number of pairs of the second entity of each row.
        overall: the number of all pairs.
    """
    entities, sums = totals_of(pairs)
    first, second, count = (pairs[name].to_numpy() for name in PAIRS.names)
    starts = np.flatnonzero(np.diff(first, prepend=-1))
    rows = np.diff(np.append(starts, len(first)))
    strengths = _strengths(count, np.repeat(sums, rows), others, overall)
    entity = np.repeat(np.arange(len(starts)), rows)
    order = np.lexsort([second, -count, -strengths.astype(np.int64), entity])
    rank = np.arange(len(order)) - np.repeat(starts, rows)
    kept = order[(rank < NEIGHBOURS) & (strengths[order] > 0)]
    kept = kept[np.lexsort([second[kept], entity[kept]])]
    lengths = np.bincount(entity[kept], minlength=len(starts))
    some = lengths > 0
    return RelatedPart(key_of(entities)[some], lengths[some], second[kept].astype(np.uint32), strengths[kept])


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
