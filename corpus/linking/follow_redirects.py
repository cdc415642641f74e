"""Redirects followed to their ends, all at once, over arrays that may lie on disk."""

import numpy as np
import numpy.typing as npt

from mlukit.corpus.linking.title_index import BROKEN, INHERITED, LOOP, REDIRECT

NOWHERE = np.uint32(0xFFFFFFFF)  # as target: a page that does not exist
_CHUNK_ROWS = 1 << 20


def follow_redirects(
    targets: npt.NDArray[np.uint32], qids: npt.NDArray[np.uint32], flags: npt.NDArray[np.uint8]
) -> None:
    """Changes `targets` from the next row to the last one, and hands items on along chains of redirects.

    A redirect without an item gets that of the next redirect of its chain which has one. A redirect without an end
    becomes its own target. Memory: 8 bytes for each redirect that leads to another redirect.

    Args:
        targets: of a redirect the row it leads to, or NOWHERE; of any other row itself.
        qids: 0 for none.
        flags: gain LOOP, BROKEN, INHERITED.
    """
    chunks = [slice(start, start + _CHUNK_ROWS) for start in range(0, len(targets), _CHUNK_ROWS)]
    for chunk in chunks:
        flags[chunk][targets[chunk] == NOWHERE] |= BROKEN
    active = np.concatenate([np.empty(0, np.int64), *(_leading_to_redirects(c, targets, flags) for c in chunks)])
    for _ in range(len(targets).bit_length() + 1):  # each round doubles how far every row sees
        if not len(active):
            break
        active = _see_further(active, targets, qids, flags)
    flags[active] |= LOOP
    for chunk in chunks:
        endless = np.flatnonzero(flags[chunk] & (LOOP | BROKEN))
        targets[chunk][endless] = endless + chunk.start


def _leading_to_redirects(
    chunk: slice, targets: npt.NDArray[np.uint32], flags: npt.NDArray[np.uint8]
) -> npt.NDArray[np.int64]:
    """The redirects of a chunk that lead to other redirects."""
    rows: npt.NDArray[np.int64] = np.flatnonzero(flags[chunk] & (REDIRECT | BROKEN) == REDIRECT) + chunk.start
    leading: npt.NDArray[np.int64] = rows[flags[targets[rows]] & REDIRECT != 0]
    return leading


def _see_further(
    active: npt.NDArray[np.int64],
    targets: npt.NDArray[np.uint32],
    qids: npt.NDArray[np.uint32],
    flags: npt.NDArray[np.uint8],
) -> npt.NDArray[np.int64]:
    """Gives each row its target's target; returns the rows that are at no end yet."""
    via = targets[active]
    onward, items = targets[via], qids[via]
    heirs = (qids[active] == 0) & (items != 0)
    qids[active[heirs]] = items[heirs]
    flags[active[heirs]] |= INHERITED
    targets[active] = onward
    broken = onward == NOWHERE
    flags[active[broken]] |= BROKEN
    under_way: npt.NDArray[np.bool] = ~broken
    under_way[under_way] = flags[onward[under_way]] & REDIRECT != 0
    return active[under_way]
