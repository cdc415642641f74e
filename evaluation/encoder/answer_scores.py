"""Scores of answers by a checkpoint: of words in masked places, or of entities for the entity [MASK]."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from mlukit.evaluation.encoder.encoder import Encoder, batch_of_inputs
from mlukit.evaluation.encoder.inputs import Input
from mlukit.pretraining.prediction.loaded_model import batches_by_length

Numbers = npt.NDArray[np.float64]
_ROWS = 128  # whose logits over the whole vocabulary are in memory at once


def word_log_probabilities(
    encoder: Encoder, inputs: Sequence[Input], pieces: Sequence[int]
) -> Iterator[tuple[int, Numbers]]:
    """The log-probabilities of some pieces, among all pieces, in the rows of inputs.

    Yields:
        The index of an input, in the order of the batches, and its rows x pieces.
    """
    model, wanted = encoder.model, torch.tensor(pieces, device=encoder.loaded.device)
    size = model.config.vocabulary_size

    def log_probabilities(states: Tensor) -> Tensor:
        vectors, table = model.word_head(states), model.word_embeddings.words.weight[:size]
        parts = []
        for part in vectors.split(_ROWS):
            logits = torch.nn.functional.linear(part, table, model.word_head.bias[:size])
            parts.append(logits[:, wanted] - logits.logsumexp(-1, keepdim=True))
        return torch.cat(parts)

    yield from _states(encoder, inputs, log_probabilities)


def entity_logits(encoder: Encoder, inputs: Sequence[Input], ids: Sequence[int]) -> Iterator[tuple[int, Numbers]]:
    """The logits of some entities in the rows of inputs; as `word_log_probabilities`.

    The entities of one row are in the order of their probabilities.
    """
    model, wanted = encoder.model, torch.tensor(ids, device=encoder.loaded.device)
    table, bias = model.entity_embeddings.entities.weight[wanted], model.entity_head.bias[wanted]
    yield from _states(
        encoder, inputs, lambda states: torch.nn.functional.linear(model.entity_head(states), table, bias)
    )


def _states(
    encoder: Encoder, inputs: Sequence[Input], head: Callable[[Tensor], Tensor]
) -> Iterator[tuple[int, Numbers]]:
    """What a head says of the rows of each input."""
    for numbers in batches_by_length([len(one) for one in inputs]):
        chosen = [inputs[number] for number in numbers]
        starts = np.cumsum([0, *(len(one) for one in chosen)])
        places = np.concatenate([one.rows[:, 0] + start for one, start in zip(chosen, starts, strict=False)])
        device = encoder.loaded.device
        with torch.inference_mode():
            batch = batch_of_inputs(chosen, encoder.model.config).to(device)
            found = head(encoder.model.encode(batch, torch.from_numpy(places).to(device))).double().cpu().numpy()
        ends = np.cumsum([len(one.rows) for one in chosen])
        yield from zip(numbers, np.split(found, ends[:-1]), strict=True)
