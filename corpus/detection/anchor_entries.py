"""The entries of a match table: the anchors, and the beginnings of anchors at their borders."""

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from mlukit.corpus.detection.find_anchors import MAX_ANCHOR_POINTS, MAX_SEGMENTS
from mlukit.corpus.detection.match_table import NO_ROW, Entries
from mlukit.corpus.detection.span_hashes import hash_texts
from mlukit.corpus.detection.word_borders import WordBorders, code_points_of

_ANCHORS = 1 << 14  # anchors hashed at a time


def anchor_entries(anchors: Sequence[str], first_row: int, borders: WordBorders) -> tuple[Entries, int]:
    """The entries of some anchors.

    An anchor of more than MAX_SEGMENTS segments or MAX_ANCHOR_POINTS code points is a key, so that its row can be
    looked up, but its beginnings are not, so that texts are not searched for it.

    Args:
        anchors: distinct anchors.
        first_row: the row of the first of them.
        borders: the rules of their language.

    Returns:
        The entries, and the number of anchors that are too long to be searched for.
    """
    pieces, too_long = [], 0
    for start in range(0, len(anchors), _ANCHORS):
        some = anchors[start : start + _ANCHORS]
        beginnings: set[str] = set()
        for anchor in some:
            places = borders.find(anchor, code_points_of(anchor))[1:-1].tolist()
            if len(places) < MAX_SEGMENTS and len(anchor) <= MAX_ANCHOR_POINTS:
                beginnings.update(anchor[:place] for place in places)
            else:
                too_long += 1
        rows = np.arange(first_row + start, first_row + start + len(some), dtype=np.uint32)
        pieces.append((hash_texts(some), rows << np.uint32(1)))
        prefixes = hash_texts(sorted(beginnings))
        pieces.append((prefixes, np.full(len(prefixes), 2 * NO_ROW + 1, np.uint32)))
    return merge_entries(pieces), too_long


def merge_entries(pieces: Iterable[Entries]) -> Entries:
    """The entries in ascending order of their keys, each key once.

    Two anchors with the same hash become one entry, of the smaller row: there are few or none in 2**64 hashes. The key
    0 stands for an empty slot, and is left out: it is the hash of the empty text.
    """
    nothing = np.empty(0, np.uint64), np.empty(0, np.uint32)
    hashes, values = map(np.concatenate, zip(nothing, *pieces, strict=True))
    order = np.argsort(hashes, kind="stable")
    hashes, values = hashes[order], values[order]
    firsts = np.flatnonzero((hashes != 0) & np.append(True, hashes[1:] != hashes[:-1])[: len(hashes)])
    if not len(firsts):
        return nothing
    rows: npt.NDArray[np.uint32] = np.minimum.reduceat(values >> np.uint32(1), firsts) << np.uint32(1)
    return hashes[firsts], rows | np.bitwise_or.reduceat(values & np.uint32(1), firsts)
