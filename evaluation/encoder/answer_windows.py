"""A question and a context as sequences of the encoder: windows of the context, and the best answer over windows.

A window is `<s> question </s></s> part of the context </s>`, as in LUKE's code (studio-ousia/luke,
examples/reading_comprehension). No torch here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from mlukit.evaluation.encoder.inputs import IGNORED, Input, Integers
from mlukit.evaluation.encoder.text_encoder import PlacedPieces, TextEncoder
from mlukit.evaluation.errors import ExampleError

MOST_TOKENS, MOST_QUESTION, OVERLAP = 384, 64, 128
MOST_ENTITIES = 128  # of a window
MOST_PIECES = 30  # of an answer
_BEST = 20  # starts, and ends, that are tried
_MARKS = 4  # <s>, </s></s>, </s>


class Entity(NamedTuple):
    """An entity of a text: its row in the entity table, its first piece, and the piece after its last one."""

    row: int
    start: int
    end: int


@dataclass(frozen=True, slots=True, eq=False)
class LinkedText:
    """A text in pieces, with its entities in the order of the text."""

    pieces: PlacedPieces
    entities: Sequence[Entity] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """What `best_answer` and counts need of a window.

    Attributes:
        first: the token of the first piece of the context.
        starts: where each piece of the window begins in the context.
        ends: where each piece of the window ends.
        of_question: the number of entities of the question.
        is_cut: whether the question is longer than `MOST_QUESTION` pieces.
    """

    first: int
    starts: Integers
    ends: Integers
    of_question: int
    is_cut: bool


class Answer(NamedTuple):
    """A span of the context in code points, and its score: 0 is the score of no answer."""

    start: int
    end: int
    score: float


def answer_windows(
    question: LinkedText, context: LinkedText, answer: tuple[int, int] | None, texts: TextEncoder
) -> list[Input]:
    """The sequences of a question.

    Args:
        question: the question; only its first `MOST_QUESTION` pieces are read.
        context: the context.
        answer: the right answer in code points of the context; None for an answer that is not known.
        texts: of the checkpoint.

    Returns:
        Inputs with a row for each token, and the rows of the first and the last token of the answer as targets. The
        target of a window without the whole answer is <s>. `details` is a `Window`.

    Raises:
        ExampleError: the model takes fewer tokens than the question and a piece of the context have.
    """
    asked = question.pieces.up_to(MOST_QUESTION)
    room = min(MOST_TOKENS, texts.most_tokens) - _MARKS - len(asked.ids)
    if room < 1:
        raise ExampleError(f"with a question that fills the {texts.most_tokens} tokens that the model takes")
    before = [texts.bos, *asked.ids, texts.eos, texts.eos]
    of_question = [Entity(row, start + 1, end + 1) for row, start, end in question.entities if end <= len(asked.ids)]
    is_cut = len(asked.ids) < len(question.pieces.ids)
    size, overlap = len(context.pieces.ids), min(OVERLAP, room // 2)
    pieces = None if answer is None else context.pieces.overlapping(*answer)
    found = []
    for start in range(0, max(1, size - overlap), room - overlap):
        end = min(size, start + room)
        shift = len(before) - start
        entities = [
            *of_question,
            *(Entity(row, a + shift, b + shift) for row, a, b in context.entities if start <= a and b <= end),
        ][:MOST_ENTITIES]
        tokens = [*before, *context.pieces.ids[start:end], texts.eos]
        placed = context.pieces.starts[start:end], context.pieces.ends[start:end]
        details = Window(len(before), *placed, min(len(of_question), MOST_ENTITIES), is_cut)
        rows, spans = [one.row for one in entities], [(one.start, one.end) for one in entities]
        targets = _targets(pieces, start, end, shift)
        found.append(Input(tokens, rows, spans, np.arange(len(tokens)).reshape(-1, 1), targets, details))
    return found


def _targets(answer: tuple[int, int] | None, start: int, end: int, shift: int) -> Integers:
    """The tokens of the first and the last piece of an answer; <s> where a window does not have the whole answer."""
    if answer is None:
        return np.array([IGNORED, IGNORED])
    first, after = answer
    is_inside = start <= first < after <= end
    return np.array([first + shift, after - 1 + shift] if is_inside else [0, 0])


def best_answer(windows: Sequence[Window], scores: Sequence[npt.NDArray[np.float64]]) -> Answer | None:
    """The answer with the highest score over the windows of a question.

    In each window the best 20 starts and the best 20 ends in the context are tried. The score of an answer is that of
    its start and its end, minus that of <s> as both.

    Args:
        windows: of the question.
        scores: of each window, tokens x 2: the logits of the start and of the end.

    Returns:
        None if no start has an end at most `MOST_PIECES` pieces on.
    """
    found: list[Answer] = []
    for window, logits in zip(windows, scores, strict=True):
        inside = logits[window.first : window.first + len(window.starts)]
        starts, ends = (np.argsort(-column, kind="stable")[:_BEST] for column in inside.T)
        lengths = ends[None, :] - starts[:, None] + 1
        sums = inside[starts, 0][:, None] + inside[ends, 1][None, :] - logits[0].sum()
        sums = np.where((lengths >= 1) & (lengths <= MOST_PIECES), sums, -np.inf)
        if sums.size and np.isfinite(sums.max()):
            start, end = np.unravel_index(int(sums.argmax()), sums.shape)
            place = int(window.starts[starts[start]]), int(window.ends[ends[end]])
            found.append(Answer(*place, float(sums[start, end])))
    return max(found, key=lambda one: one.score, default=None)
