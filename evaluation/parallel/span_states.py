"""The states of aligned spans in every layer, in three representations.

- *words*: the mean of the states of the span's pieces; the input has words alone.
- *words with entities*: the same mean, with an entity [MASK] over every span in the input.
- *entities*: the state of that entity.

The pieces are the same in all three: a text is cut into pieces at the borders of its spans, with entities or without.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import accumulate
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from torch import Tensor

from mlukit.evaluation.metrics.nearest_neighbours import Floats
from mlukit.evaluation.parallel.items import Items, choose_items
from mlukit.evaluation.parallel.parallel_text import ParallelText
from mlukit.pretraining.prediction.encoded_texts import EncodedText, Mention, batch_of, encode_texts
from mlukit.pretraining.prediction.loaded_model import LoadedModel, batches_by_length

WORDS, WORDS_WITH_ENTITIES, ENTITIES = "words", "words with entities", "entities"
OF_VARIANT: Mapping[str, tuple[str, ...]] = {"words": (WORDS,), "entities": (WORDS_WITH_ENTITIES, ENTITIES)}
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class _Placed:
    """An encoded text with the row of each of its spans; spans that are not items are left out."""

    text: EncodedText
    rows: list[int]

    def without_entities(self) -> "EncodedText":
        """The same pieces as the input of words alone."""
        return replace(self.text, spans=[], entity_ids=[], kept=[])


@dataclass(frozen=True, slots=True, eq=False)
class SpanStates:
    """The states of items.

    Attributes:
        items: the items.
        arrays: for each representation, layers + 1 x languages * items x H; a language's items are consecutive.
    """

    items: Items
    arrays: Mapping[str, Floats]

    def by_layer(self) -> Iterator[tuple[str, int, Floats]]:
        """Yields a representation, a layer, and the states of all languages; layer 0 is the input of layer 1."""
        for representation, layers in self.arrays.items():
            for number, states in enumerate(layers):
                yield representation, number, states


@contextmanager
def span_states(
    model: LoadedModel,
    texts: Sequence[ParallelText],
    representations: Sequence[str],
    folder: Path,
    *,
    limit: int | None = None,
    progress: Progress = lambda done, number: None,
) -> Iterator[SpanStates]:
    """Computes the states of all items; they lie in files, so that they need no memory, until the context ends.

    Args:
        model: with entities, unless only words are wanted.
        texts: of all languages.
        representations: some of WORDS, WORDS_WITH_ENTITIES, ENTITIES.
        folder: for the files.
        limit: the largest number of items.
        progress: is called after each batch with the number of texts done, and of all texts.

    Raises:
        TextError: a span has no words after normalisation.
    """
    encoded = _encode(model, texts)
    items = choose_items(texts, _fits(texts, encoded), limit)
    placed = _place(texts, encoded, items)
    config = model.model.config
    shape = (config.layers + 1, len(items.languages) * len(items.names), config.hidden_size)
    with TemporaryDirectory(dir=folder, prefix=".states-") as temporary:
        arrays: dict[str, Floats] = {
            name: np.lib.format.open_memmap(Path(temporary) / f"{number}.npy", "w+", np.float32, shape)
            for number, name in enumerate(representations)
        }
        passes = [asked for with_entities in (False, True) if (asked := _asked(arrays, with_entities))]
        for number, asked in enumerate(passes):
            for done in _fill(model, placed, asked):
                progress(number * len(placed) + done, len(passes) * len(placed))
        yield SpanStates(items, arrays)


def _encode(model: LoadedModel, texts: Sequence[ParallelText]) -> list[EncodedText]:
    """The texts in ids, with an entity [MASK] over every span that lies before the end of the model's input."""
    mentions = [[Mention(start, end) for start, end in text.spans.values()] for text in texts]
    masks = [[model.model.config.entity_mask_id] * len(spans) for spans in mentions]
    return encode_texts([text.text for text in texts], mentions, masks, model.tokenizer, model.model.config, cut=True)


def _fits(texts: Sequence[ParallelText], encoded: Sequence[EncodedText]) -> Callable[[str, str], bool]:
    kept = set()
    for text, one in zip(texts, encoded, strict=True):
        names = list(text.spans)
        kept |= {(text.language, names[number]) for number in one.kept}
    return lambda language, name: (language, name) in kept


def _place(texts: Sequence[ParallelText], encoded: Sequence[EncodedText], items: Items) -> list[_Placed]:
    """The texts that have items, with the rows of the items."""
    row_of = {name: row for row, name in enumerate(items.names)}
    first_row = {language: number * len(items.names) for number, language in enumerate(items.languages)}
    placed = []
    for text, one in zip(texts, encoded, strict=True):
        names = list(text.spans)
        chosen = [place for place, number in enumerate(one.kept) if names[number] in row_of]
        rows = [first_row[text.language] + row_of[names[one.kept[place]]] for place in chosen]
        spans, ids = [one.spans[place] for place in chosen], [one.entity_ids[place] for place in chosen]
        if rows:
            placed.append(_Placed(replace(one, spans=spans, entity_ids=ids), rows))
    return placed


def _asked(arrays: Mapping[str, Floats], with_entities: bool) -> dict[str, Floats]:
    """The arrays that a pass with entities in the input, or without, fills."""
    return {name: array for name, array in arrays.items() if (name != WORDS) == with_entities}


def _fill(model: LoadedModel, placed: Sequence[_Placed], arrays: Mapping[str, Floats]) -> Iterator[int]:
    """Fills the arrays of a pass; yields the number of texts done after each batch."""
    done = 0
    for numbers in batches_by_length([len(one.text) for one in placed]):
        chosen = [placed[number] for number in numbers]
        inputs = [one.without_entities() if WORDS in arrays else one.text for one in chosen]
        rows = [row for one in chosen for row in one.rows]
        span_places, entity_places = _places(inputs, [one.text.spans for one in chosen])
        with torch.inference_mode():
            layers = model.model.encode_by_layer(batch_of(inputs, model.model.config).to(model.device))
            for layer, stream_NH in enumerate(layers):
                for name, array in arrays.items():
                    states = stream_NH[entity_places] if name == ENTITIES else _means(stream_NH, span_places)
                    array[layer, rows] = states.float().cpu().numpy()
        done += len(chosen)
        yield done


def _places(
    inputs: Sequence[EncodedText], spans: Sequence[Sequence[tuple[int, int]]]
) -> tuple[list[tuple[int, int]], list[int]]:
    """Where the pieces of each span, and the entities, lie in the stream of a batch."""
    starts = list(accumulate(map(len, inputs), initial=0))
    span_places = [
        (start + first, start + end) for start, found in zip(starts, spans, strict=False) for first, end in found
    ]
    entity_places = [
        start + len(text.token_ids) + number
        for start, text in zip(starts, inputs, strict=False)
        for number in range(len(text.entity_ids))
    ]
    return span_places, entity_places


def _means(stream_NH: Tensor, spans: Sequence[tuple[int, int]]) -> Tensor:
    """The mean state of each span."""
    return torch.stack([stream_NH[start:end].mean(dim=0) for start, end in spans])
