"""Follows all redirects to their ends at once, in arrays that may be mapped from disk."""

import numpy as np
import numpy.typing as npt

from mlukit.corpus.linking.title_index import BROKEN, INHERITED, LOOP, REDIRECT

NOWHERE = np.uint32(0xFFFFFFFF)  # the target of a redirect to a page that does not exist
_CHUNK_ROWS = 1 << 20


def follow_redirects(
    targets: npt.NDArray[np.uint32], qids: npt.NDArray[np.uint32], flags: npt.NDArray[np.uint8]
) -> None:
    """Changes each target to the end of its chain of redirects, and passes items on along chains.

    A redirect without an item gets the item of the next redirect in its chain that has one. A redirect without an end
    becomes its own target. Memory: 8 bytes for each redirect that leads to another redirect.

    Args:
        targets: for a redirect, the row that it leads to, or NOWHERE; for any other row, the row itself.
        qids: the item of each row; 0 for no item.
        flags: the flags of each row; get LOOP, BROKEN and INHERITED.
    """
    chunks = [slice(start, start + _CHUNK_ROWS) for start in range(0, len(targets), _CHUNK_ROWS)]
    for chunk in chunks:
        flags[chunk][targets[chunk] == NOWHERE] |= BROKEN
    active = np.concatenate([np.empty(0, np.int64), *(_leading_to_redirects(c, targets, flags) for c in chunks)])
    for _ in range(len(targets).bit_length() + 1):  # each round doubles the distance to the targets
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
    """Moves the target of each active row to the target's own target, and passes items on.

    Returns:
        The rows that have not reached the end of their chain.
    """
    near = targets[active]
    far, items = targets[near], qids[near]
    heirs = (qids[active] == 0) & (items != 0)
    qids[active[heirs]] = items[heirs]
    flags[active[heirs]] |= INHERITED
    targets[active] = far
    broken = far == NOWHERE
    flags[active[broken]] |= BROKEN
    under_way: npt.NDArray[np.bool] = ~broken
    under_way[under_way] = flags[far[under_way]] & REDIRECT != 0
    return active[under_way]
