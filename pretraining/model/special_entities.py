"""The weights of a run, with rows for the special entities that training leaves without a meaning.

[PAD] and [MASK2] are never an input and never a target of training, and [UNK] only if the examples were built with
unknown entities. So nothing moves their rows except the softmax, which pushes them away from every prediction: the rows
become long vectors without a meaning. Export, prediction and everything else that uses trained weights get these rows
instead; training goes on with the rows as they are:

- [MASK2]: row and bias of [MASK], as in transformers' conversion of mLUKE. Pairs of entities are asked for by [MASK]
  and [MASK2].
- [UNK]: row and bias of [MASK] too, unless the examples have unknown entities. The model then takes an entity that it
  does not know like an entity that it has to guess.
- [PAD]: zeros, as padding has in transformers, and a bias so low that no softmax predicts it.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from mlukit.corpus.entities.vocabulary import SPECIAL_ENTITIES
from mlukit.pretraining.config import ModelConfig
from mlukit.pretraining.errors import PretrainingError
from mlukit.schemas.layout import EXAMPLES
from mlukit.schemas.manifest import MANIFEST

_MASK2_ID = SPECIAL_ENTITIES.index("[MASK2]")
_NEVER = -10_000.0  # a logit whose probability is 0; float16 can represent it
_PADDING = {"entity_embeddings.entities.weight": 0.0, "entity_head.bias": _NEVER}  # parameter -> its values for [PAD]


def with_special_entities(weights: Mapping[str, Tensor], config: ModelConfig, examples: Path) -> dict[str, Tensor]:
    """Makes the trained weights of a run ready for use; every loader of a run's weights calls this function.

    Args:
        weights: the parameters, by our names; the mapping and its tensors stay as they are.
        config: of the model.
        examples: the output folder of `mlukit build` that the run was trained on.

    Returns:
        The parameters, with the rows of special entities that the docstring of this module describes.

    Raises:
        PretrainingError: a manifest of the examples cannot be read.
    """
    copies = [_MASK2_ID] if _have_unknown_entities(examples) else [_MASK2_ID, config.entity_unknown_id]
    changed = {name: weights[name].clone() for name in _PADDING if name in weights}
    for name, tensor in changed.items():
        tensor[copies] = tensor[config.entity_mask_id].clone()
        tensor[config.entity_pad_id] = _PADDING[name]
    return {**weights, **changed}


def _have_unknown_entities(examples: Path) -> bool:
    """Whether the examples were built with unknown entities, as [UNK]; False if the folder does not exist any more."""
    return any(
        _options(file).get("include_unknown_entities", False)
        for file in sorted((examples / EXAMPLES).glob(f"*/{MANIFEST}"))
    )


def _options(manifest: Path) -> dict[str, Any]:
    """The options that a language's examples were built with."""
    try:
        options: dict[str, Any] = json.loads(manifest.read_bytes())["options"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise PretrainingError(f"{manifest} cannot be read as a manifest of examples: {error!r}") from error
    return options
