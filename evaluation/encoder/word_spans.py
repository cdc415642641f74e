"""A sentence in the middle of its document, and all spans of its words. No torch here."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mlukit.evaluation.encoder.inputs import Integers


@dataclass(frozen=True, slots=True)
class Window:
    """A sentence with context on both sides.

    Attributes:
        pieces: without <s> and </s>.
        borders: the first piece of each word of the sentence, by its index in `pieces`, and the piece after the last
            word.
        clipped: how many words at the end of the sentence did not fit.
    """

    pieces: list[int]
    borders: list[int]
    clipped: int


def window(pieces: Sequence[int], borders: Sequence[int], room: int) -> Window:
    """Takes a sentence out of a document, with as much context as fits, half of it on each side if possible.

    The rule is that of LUKE's code (studio-ousia/luke, examples/ner/reader.py), which stops at a sentence that does not
    fit; here such a sentence loses its last words.

    Args:
        pieces: of the document.
        borders: the first piece of each word of the sentence, and the piece after its last word.
        room: pieces that fit.
    """
    start = borders[0]
    kept = bisect_right(borders, start + room) - 1
    end = borders[kept]
    left, right, rest = start, len(pieces) - end, room - (end - start)
    if left < right:
        before = min(left, rest // 2)
        after = min(right, rest - before)
    else:
        after = min(right, rest // 2)
        before = min(left, rest - after)
    first = start - before
    inside = [border - first for border in borders[: kept + 1]]
    return Window(list(pieces[first : end + after]), inside, len(borders) - 1 - kept)


def candidate_spans(borders: Sequence[int], most_pieces: int) -> Integers:
    """All spans of whole words with at most so many pieces: K x 2, the first word and the word after the last one.

    A span neither begins nor ends with a word that has no pieces: the model could not tell it from a shorter span. The
    time is linear in the words.

    Args:
        borders: the first piece of each word, and the end.
        most_pieces: of a span.
    """
    spans = []
    words = len(borders) - 1
    for start in range(words):
        if borders[start] == borders[start + 1]:
            continue
        for end in range(start + 1, words + 1):
            if borders[end] - borders[start] > most_pieces:
                break
            if borders[end] > borders[end - 1]:
                spans.append((start, end))
    return np.array(spans, np.int64).reshape(-1, 2)
