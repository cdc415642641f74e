"""Carries items across languages: a page without an item takes the item of a page that it links to in another language.

Only items from an index's own sources are carried, and only along one link. So wikis can be processed in any order, at
the same time, and repeatedly.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from mlukit.corpus.dumps.item_sources import LANGLINKS
from mlukit.corpus.linking.build_title_index import part_of_items, write_layer
from mlukit.corpus.linking.hash_partitions import PARTS, PartitionedRows, scratch_folder
from mlukit.corpus.linking.title_index import INTERLANGUAGE, TitleIndex

CARRY_COUNTS = {
    "pages": "pages without an item that have an interlanguage link to a built language",
    "carried": "pages that took an item",
    "no_item": "pages whose links do not lead to an item",
    "item_taken": "pages whose item another page of this wiki has",
    "item_disputed": "pages that chose the same item as another page, with as many votes",
    "item_outvoted": "pages that chose the same item as another page, which has more votes",
}
CARRIED = LANGLINKS.layer
_CANDIDATES = pa.schema([pa.field("qid", pa.uint32()), pa.field("votes", pa.uint32()), pa.field("row", pa.uint32())])
_BATCH_ROWS = 1 << 16

_Uints: TypeAlias = npt.NDArray[np.uint32]


def carry_items(language: str, directories: Mapping[str, Path]) -> dict[str, int]:
    """Writes the layer `carried` of a wiki's index, in place of an older layer; the same indexes give the same bytes.

    Each language that a page links to votes for an item. The page chooses the item with the most votes or, if there are
    several, the smallest QID. A page does not get an item that another page of this wiki has. If several pages choose
    the same item, the page with the most votes gets it; if two pages are equal, no page gets it.

    Args:
        language: the language of the wiki.
        directories: the indexes of all wikis built, by language.

    Returns:
        Counts under the names in CARRY_COUNTS, without zeros.
    """
    directory = directories[language]
    others = {code: TitleIndex.open(path, with_layers=False) for code, path in directories.items() if code != language}
    index = TitleIndex.open(directory, with_layers=False)
    counts: Counter[str] = Counter()
    with (
        scratch_folder(directory / "carrying") as folder,
        PartitionedRows(folder / "candidates", _CANDIDATES) as candidates,
    ):
        _find_candidates(directory / INTERLANGUAGE, others, candidates, counts)
        write_layer(directory, CARRIED, _one_page_per_item(candidates, index, counts))
    return dict(+counts)


def _find_candidates(
    path: Path, others: Mapping[str, TitleIndex], candidates: PartitionedRows, counts: Counter[str]
) -> None:
    """Adds the item that each page chooses, with its number of votes, to `candidates`."""
    with pq.ParquetFile(path) as file:
        for group in range(file.num_row_groups):
            rows, codes, qids = _items_of_links(file.read_row_group(group, use_threads=False), others)
            rows_with_item, items, votes = _majority_item(rows, codes, qids)
            pages = len(np.unique(rows))
            counts["pages"] += pages
            counts["no_item"] += pages - len(rows_with_item)
            columns = [pa.array(items), pa.array(votes), pa.array(rows_with_item)]
            candidates.add(pa.RecordBatch.from_arrays(columns, schema=_CANDIDATES), part_of_items(items))


def _items_of_links(links: pa.Table, others: Mapping[str, TitleIndex]) -> tuple[_Uints, _Uints, _Uints]:
    """For each link to a built language: the row of the page, the number of the language, and the item or 0."""
    languages = links["language"].combine_chunks().dictionary_encode()
    numbers, rows = languages.indices.to_numpy(), links["row"].to_numpy()
    codes = np.flatnonzero([name in others for name in languages.dictionary.to_pylist()])
    found_rows, found_codes, found_qids = [], [], []
    for code in codes.tolist():
        index = others[languages.dictionary[code].as_py()]
        for places in np.array_split(link_rows := np.flatnonzero(numbers == code), len(link_rows) // _BATCH_ROWS + 1):
            found = index.find(links["title"].take(pa.array(places)).to_pylist())
            found_rows.append(rows[places])
            found_codes.append(np.full(len(places), code, np.uint32))
            found_qids.append(np.array([one.qid or 0 for one in found], np.uint32))
    nothing = np.empty(0, np.uint32)
    parts = (found_rows, found_codes, found_qids)
    all_rows, all_codes, all_qids = (np.concatenate([nothing, *part]) for part in parts)
    return all_rows, all_codes, all_qids


def _majority_item(rows: _Uints, codes: _Uints, qids: _Uints) -> tuple[_Uints, _Uints, _Uints]:
    """The item that each row chooses: the item with the most languages, of several such items the smallest.

    Args:
        rows: the row of each link.
        codes: the number of each link's language.
        qids: the item of each link, or 0.

    Returns:
        Rows with an item, ascending; the item of each row; its number of votes.
    """
    with_item = qids > 0
    named = np.unique(np.stack([rows, qids, codes])[:, with_item], axis=1)
    (rows, qids), votes = np.unique(named[:2], axis=1, return_counts=True)
    order = np.lexsort((qids, -votes, rows))
    rows, qids, votes = rows[order], qids[order], votes[order].astype(np.uint32)
    first = np.append(True, rows[1:] != rows[:-1])[: len(rows)]
    return rows[first], qids[first], votes[first]


def _one_page_per_item(
    candidates: PartitionedRows, index: TitleIndex, counts: Counter[str]
) -> Iterator[tuple[str, int]]:
    """The (title, item) pairs that are carried, each item to only one page; counts the pages that get no item."""
    order = [("qid", "ascending"), ("votes", "descending"), ("row", "ascending")]
    for part in range(PARTS):
        table = candidates.read(part).sort_by(order)
        rows, qids, votes = (table[name].to_numpy() for name in ("row", "qid", "votes"))
        taken = index.has_items(qids)
        first = np.append(True, qids[1:] != qids[:-1])[: len(qids)]
        best = votes[np.maximum.accumulate(np.where(first, np.arange(len(qids)), 0))] == votes
        tied = first & np.append((qids[1:] == qids[:-1]) & (votes[1:] == votes[:-1]), False)[: len(qids)]
        carried = ~taken & first & ~tied
        counts["item_taken"] += int(np.count_nonzero(taken))
        counts["item_outvoted"] += int(np.count_nonzero(~taken & ~best))
        counts["item_disputed"] += int(np.count_nonzero(~taken & best & ~carried))
        counts["carried"] += int(np.count_nonzero(carried))
        yield from zip(index.titles_at(rows[carried]), qids[carried].tolist(), strict=True)
