"""The states of aligned spans in every layer, in one of three representations.

- *words*: the mean of the states of the span's pieces; the input has words alone.
- *words with entities*: the same mean, with an entity [MASK] over every item's span in the input.
- *entities*: the state of that entity.

The pieces are the same in all three: a text is cut into pieces at the borders of its spans, with entities or without.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import numpy.typing as npt

from mlukit.evaluation.data.parallel_text import ParallelText
from mlukit.evaluation.encoder.encoder import Encoder
from mlukit.evaluation.encoder.inputs import Input
from mlukit.evaluation.errors import EvaluationError, say
from mlukit.schemas.wording import counted

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class _Span:
    """A span of an item: its row among the states, and its tokens, end exclusive; <s> is token 0."""

    row: int
    start: int
    end: int


@contextmanager
def span_states(
    encoder: Encoder, texts: Sequence[ParallelText], rows: Mapping[tuple[str, str], int], representation: str
) -> Iterator[Floats]:
    """Computes the states of items. They lie in a temporary file, so that memory does not grow with the items.

    Args:
        encoder: the checkpoint.
        texts: of all languages.
        rows: the row of each item, by language and name; other spans are left out.
        representation: "words", "words with entities" or "entities".

    Yields:
        layers + 1 x rows x hidden size. Layer 0 is the input of layer 1.

    Raises:
        EvaluationError: a span has no words after normalisation.
    """
    inputs = list(_inputs(encoder, texts, rows, with_entities=representation != "words"))
    config = encoder.model.config
    with TemporaryDirectory(prefix="mlukit-states-") as folder:
        shape = (config.layers + 1, len(rows), config.hidden_size)
        array: Floats = np.lib.format.open_memmap(Path(folder) / "states.npy", "w+", np.float32, shape)
        tenth = len(inputs) // 10 + 1
        for done, (number, states) in enumerate(encoder.states(inputs, range(config.layers + 1)), 1):
            first_entity = len(inputs[number].token_ids)
            for place, span in enumerate(inputs[number].details):
                if representation == "entities":
                    array[:, span.row] = states[:, first_entity + place].numpy()
                else:
                    array[:, span.row] = states[:, span.start : span.end].mean(dim=1).numpy()
            if done % tenth == 0:
                say(f"{representation}: {done:,} of {counted(len(inputs), 'text')}")
        yield array


def _inputs(
    encoder: Encoder, texts: Sequence[ParallelText], rows: Mapping[tuple[str, str], int], *, with_entities: bool
) -> Iterator[Input]:
    """The inputs of the texts that have items: a text that is too long gives one for each span."""
    words, long = encoder.texts, 0
    cuts = [[offset for span in text.spans.values() for offset in span] for text in texts]
    for text, pieces in zip(texts, words.encode([text.text for text in texts], cuts), strict=True):
        spans = []
        for name, (start, end) in text.spans.items():
            first, last = pieces.span(start, end)
            if first == last:
                raise EvaluationError(
                    f"{text.text[start:end]!r}, of the item {name!r} in {text.language}, has no words"
                )
            if (text.language, name) in rows:
                spans.append(_Span(rows[text.language, name], first, last))
        long += bool(spans) and len(pieces.ids) + 2 > words.most_tokens
        for first, end, found in _windows(len(pieces.ids), spans, words.most_tokens - 2):
            masks = [words.mask] * len(found) if with_entities else []
            places = [(span.start, span.end) for span in found] if with_entities else []
            yield Input([words.bos, *pieces.ids[first:end], words.eos], masks, places, details=found)
    if long:
        say(f"{counted(long, 'text')} longer than {words.most_tokens} tokens: each span has its own part of the text")


def _windows(length: int, spans: Sequence[_Span], room: int) -> Iterator[tuple[int, int, list[_Span]]]:
    """The parts of a text that the model takes, with their spans: the whole text if possible, else one for each span.

    The span is in the middle of its part; a span with more pieces than the model takes loses its end.
    """
    if length <= room:
        if spans:
            yield 0, length, list(spans)
        return
    for span in spans:
        size = min(span.end - span.start, room)
        first = min(max(0, span.start - 1 - (room - size) // 2), length - room)
        yield first, first + room, [_Span(span.row, span.start - first, span.start - first + size)]
