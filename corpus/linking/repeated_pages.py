"""Chooses one copy of each page that a dump has several times, for example a page that was moved during the dump.

The copy with the latest revision is kept. If several copies have this revision, the last copy in the dump is kept.
The title index has these pages in the order of `repeated_keys`; `repeated_revisions` and `repeated_places` identify
the kept copy. The arrays are mapped from disk, like the whole index, so a dump that is given twice does not need more
memory.
"""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mlukit.corpus.linking.hash_partitions import PARTS
from mlukit.corpus.linking.title_index import TitleIndex
from mlukit.schemas.manifest import Flow

REPEATED_PAGE = "repeated_page"  # the reason under which the other copies are counted
NO_ARTICLE = -1  # the place of a kept copy that is not an article
_PART_BITS = PARTS.bit_length() - 1


def page_keys(page_ids: npt.NDArray[np.int64]) -> npt.NDArray[np.uint64]:
    """A key for each page id. Keys ascend first with the part of the page (id % PARTS), then with the id."""
    keys = page_ids.astype(np.uint64)
    return keys << np.uint64(64 - _PART_BITS) | keys >> np.uint64(_PART_BITS)


def find_pages(
    parsed: pa.RecordBatch, language: str, keys: npt.NDArray[np.uint64]
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Finds the articles of a language whose pages are among `keys`.

    Args:
        parsed: a batch of `schemas.arrow.PARSED_ARTICLES`.
        language: the language.
        keys: ascending keys of pages, see `page_keys`.

    Returns:
        The rows of these articles in `parsed`, and the index of each one's key in `keys`.
    """
    if not len(keys):
        return np.empty(0, np.intp), np.empty(0, np.intp)
    rows = np.flatnonzero(pc.equal(parsed["language"], language))
    wanted = page_keys(parsed["page_id"].to_numpy()[rows])
    places = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    found = keys[places] == wanted
    return rows[found], places[found]


def copies_that_stay(
    parsed: pa.RecordBatch, indexes: Mapping[str, TitleIndex], first_place: int | None = None
) -> npt.NDArray[np.bool]:
    """Whether each article is kept.

    Args:
        parsed: a batch of `schemas.arrow.PARSED_ARTICLES`.
        indexes: the title indexes by language.
        first_place: the place of the first article in its language (`schemas.records.article_place`); the other
            articles have the following places. Without places all copies of the latest revision are kept.
    """
    stays = np.ones(len(parsed), bool)
    for language, index in indexes.items():
        rows, places = find_pages(parsed, language, index.repeated_keys)
        if first_place is None:
            stays[rows] = parsed["revision_id"].to_numpy()[rows] == index.repeated_revisions[places]
        else:
            stays[rows] = first_place + rows == index.repeated_places[places]
    return stays


def leave_out(copies: pa.RecordBatch, pages: Flow, links: Flow) -> None:
    """Counts parsed articles that are not kept, in flows that are then added to the flows of the parser."""
    pages.leave_out(REPEATED_PAGE, copies.num_rows)
    links.leave_out(REPEATED_PAGE, len(copies["links"].flatten()))
