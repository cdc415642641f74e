"""Templates as inputs: the object is masked words, or the entity [MASK] over one masked word. No torch here.

Pieces are those of the whole text, cut at the borders of subject and object as in pretraining.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mlukit.corpus.examples.tokenizer import Tokenizer
from mlukit.evaluation.data.facts.questions import OBJECT, SUBJECT
from mlukit.evaluation.encoder.inputs import Input
from mlukit.evaluation.encoder.text_encoder import TextEncoder

_SLOT = re.compile(r"(\[X\]|\[Y\])")


@dataclass(frozen=True, slots=True)
class Prompt:
    """A template with its subject.

    Attributes:
        before: pieces before the object, without <s>.
        after: pieces after the object, without </s>.
        subjects: the pieces of each [X], by their indices in `before` and `after` joined; end exclusive.
    """

    before: list[int]
    after: list[int]
    subjects: list[tuple[int, int]]

    def input(self, texts: TextEncoder, masks: int, subject: int | None = None, *, entity: bool = False) -> Input:
        """The input; its rows are the places of the answer: the masked words, or the entity.

        Args:
            texts: of the checkpoint.
            masks: words <mask> in place of the object.
            subject: the subject's entity; None for no such entity in the input.
            entity: whether the entity [MASK] stands over the masked words, and is the answer.
        """
        first = 1 + len(self.before)
        tokens = [texts.bos, *self.before, *[texts.mask_word] * masks, *self.after, texts.eos]
        spans = [(first, first + masks)] if entity else []
        ids = [texts.mask] if entity else []
        if subject is not None:
            moved = [1 if start < len(self.before) else 1 + masks for start, _ in self.subjects]
            spans += [(start + by, end + by) for (start, end), by in zip(self.subjects, moved, strict=True)]
            ids += [subject] * len(self.subjects)
        places = [len(tokens)] if entity else range(first, first + masks)
        return Input(tokens, ids, spans, np.array(places, np.int64).reshape(-1, 1))


def prompts(tokenizer: Tokenizer, template: str, subjects: Sequence[str]) -> list[Prompt]:
    """The template with each of some subjects."""
    slots = _SLOT.split(template)  # text, slot, text, …: encode_segments gives the pieces of each
    filled = [[subject if part == SUBJECT else part for part in slots] for subject in subjects]
    found = []
    for segments in _segments(tokenizer, filled):
        place = slots.index(OBJECT)
        ends = np.cumsum([0, *(len(segment) * (number != place) for number, segment in enumerate(segments))]).tolist()
        spans = [(ends[number], ends[number + 1]) for number, part in enumerate(slots) if part == SUBJECT]
        before, after = ([one for part in parts for one in part] for parts in (segments[:place], segments[place + 1 :]))
        found.append(Prompt(before, after, [(start, end) for start, end in spans if start < end]))
    return found


def candidate_pieces(tokenizer: Tokenizer, template: str, labels: Sequence[str]) -> list[list[int]]:
    """The pieces of each label in the place of the object."""
    slots = _SLOT.split(template)
    place = slots.index(OBJECT)
    filled = [[*slots[:place], label, *slots[place + 1 :]] for label in labels]
    return [segments[place] for segments in _segments(tokenizer, filled)]


def _segments(tokenizer: Tokenizer, texts: Sequence[Sequence[str]]) -> list[list[list[int]]]:
    """The pieces of each part of each text."""
    cuts = [np.cumsum([len(part) for part in parts[:-1]]).tolist() for parts in texts]
    return tokenizer.encode_segments(["".join(parts) for parts in texts], cuts)
