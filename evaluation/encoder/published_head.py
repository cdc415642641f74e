"""The head of a fine-tuned checkpoint as the authors of LUKE publish it: LukeForEntityPairClassification and others."""

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from mlukit.pretraining.hugging_face.checkpoint_files import Checkpoint

HEADS: Mapping[str, str] = {  # a class of transformers -> the name of its head
    "LukeForEntityClassification": "classifier",
    "LukeForEntityPairClassification": "classifier",
    "LukeForEntitySpanClassification": "classifier",
    "LukeForQuestionAnswering": "qa_outputs",
}


@dataclass(frozen=True, slots=True)
class PublishedHead:
    """A trained linear layer over joined states.

    Attributes:
        architecture: the class of transformers.
        labels: of the outputs, by the checkpoint's id2label.
        weight: outputs x states.
        bias: of the outputs; None if the class has none.
    """

    architecture: str
    labels: tuple[str, ...]
    weight: Tensor
    bias: Tensor | None


def published_head(source: Checkpoint) -> PublishedHead | None:
    """The trained head of a folder of transformers; None for a checkpoint without one."""
    architecture = next((name for name in source.config.get("architectures") or () if name in HEADS), None)
    weight = source.tensors.get(f"{HEADS[architecture]}.weight") if architecture else None
    if architecture is None or weight is None:
        return None
    names = source.config.get("id2label") or {}
    labels = tuple(str(names.get(str(number), f"LABEL_{number}")) for number in range(len(weight)))
    bias = source.tensors.get(f"{HEADS[architecture]}.bias")
    return PublishedHead(architecture, labels, weight.float(), None if bias is None else bias.float())
