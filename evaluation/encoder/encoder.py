"""A checkpoint of any kind, ready for tasks: its model, its words and entities, and states for arbitrary inputs."""

import copy
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from mlukit.evaluation.encoder.inputs import Input
from mlukit.evaluation.encoder.published_head import PublishedHead, published_head
from mlukit.evaluation.encoder.task_words import add_task_words
from mlukit.evaluation.encoder.text_encoder import TextEncoder
from mlukit.evaluation.errors import EvaluationError
from mlukit.pretraining.config import ModelConfig, changed
from mlukit.pretraining.data.batch import Batch
from mlukit.pretraining.hugging_face.checkpoint_files import read_checkpoint
from mlukit.pretraining.model.attention import Attention
from mlukit.pretraining.model.model import PretrainingModel
from mlukit.pretraining.prediction.encoded_texts import EncodedText, batch_of, most_tokens
from mlukit.pretraining.prediction.load_model import device_of, load_model, model_of_checkpoint
from mlukit.pretraining.prediction.loaded_model import LoadedModel, batches_by_length
from mlukit.pretraining.training.run_folder import CONFIG, read_json


@dataclass(frozen=True, slots=True, eq=False)
class Encoder:
    """A checkpoint with everything that tasks need.

    Attributes:
        loaded: the model, in evaluation mode, with rows for <ent> and <ent2>; its tokenizer and entities.
        texts: turns texts into ids, without torch.
        head: the trained head of a published fine-tuned checkpoint; None for any other.
    """

    loaded: LoadedModel
    texts: TextEncoder
    head: PublishedHead | None = None

    @property
    def model(self) -> PretrainingModel:
        """The network."""
        return self.loaded.model

    @property
    def has_entities(self) -> bool:
        """Whether the checkpoint has entity representations, which XLM-R lacks."""
        return self.loaded.entities is not None

    def check_variant(self, variant: str, needs_entities: bool) -> None:
        """Refuses a variant with entities for a checkpoint without entities.

        Args:
            variant: its name.
            needs_entities: `Task.needs_entities` of it.

        Raises:
            EvaluationError: the text names the checkpoint.
        """
        if needs_entities and not self.has_entities:
            raise EvaluationError(
                f"--variant {variant}: {self.loaded.folder} has no entity representations, like XLM-R; --variant words "
                "is possible"
            )

    def states(self, inputs: Sequence[Input], layers: Sequence[int] | None = None) -> Iterator[tuple[int, Tensor]]:
        """The states of inputs, computed in batches of similar length.

        Args:
            inputs: any.
            layers: the layers that are wanted: 0 is the input of the first layer, `config.layers` (or -1) the last
                layer's output. None for the last layer.

        Yields:
            The index of an input, in the order of the batches, and its states on the CPU, float32: layers x places x
            hidden size; the places are its tokens, then its entities.
        """
        device = self.loaded.device
        for numbers in batches_by_length([len(one) for one in inputs]):
            batch = batch_of_inputs([inputs[number] for number in numbers], self.model.config).to(device)
            with torch.inference_mode():
                if layers is None:
                    found = self.model.encode(batch)[None]
                else:
                    outputs = self.model.encode_layers(batch)
                    found = torch.stack([outputs[layer] for layer in layers])
            found, start = found.float().cpu(), 0
            for number in numbers:
                end = start + len(inputs[number])
                yield number, found[:, start:end]
                start = end

    def trainable_copy(self, hidden_dropout: float, attention_dropout: float) -> PretrainingModel:
        """A copy of the model with dropout for fine-tuning; the model itself stays as it is."""
        model = copy.deepcopy(self.model)
        settings = {"hidden_dropout": hidden_dropout, "attention_dropout": attention_dropout}
        model.config = changed(model.config, settings)
        for module in model.modules():
            if isinstance(module, nn.Dropout):
                module.p = hidden_dropout
            if isinstance(module, Attention):
                module.dropout = attention_dropout
        return model


def load_encoder(folder: Path, examples: Path | None = None, device: str | torch.device | None = None) -> Encoder:
    """Loads a checkpoint: of `mlukit train`, `import` or `export`, or of XLM-R, mLUKE or a fine-tuned LUKE.

    Args:
        folder: of the checkpoint.
        examples: the output folder of `mlukit build`; None for the folder where a run found its examples.
        device: "cpu", "cuda" or "cuda:1"; None for the GPU if there is one.

    Raises:
        PretrainingError: as `load_model`.
    """
    config = read_json(folder / CONFIG) if (folder / CONFIG).is_file() else None
    source = None
    if isinstance(config, dict) and "model_type" in config and examples is None:
        source = read_checkpoint(folder)
        loaded = model_of_checkpoint(source, device_of(device))
    else:
        loaded = load_model(folder, examples, device)
    add_task_words(loaded.model, loaded.tokenizer, source)
    return Encoder(loaded, _text_encoder(loaded), published_head(source) if source else None)


def fingerprint_of(model: PretrainingModel) -> str:
    """SHA-256 of the names and values of all parameters."""
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def batch_of_inputs(inputs: Sequence[Input], config: ModelConfig) -> Batch:
    """The batch of some inputs, on the CPU: one stream, without padding."""
    texts = [EncodedText(list(one.token_ids), list(one.spans), list(one.entity_ids), [], False) for one in inputs]
    return batch_of(texts, config)


def _text_encoder(loaded: LoadedModel) -> TextEncoder:
    config = loaded.model.config
    mask2 = loaded.entities.find(["[MASK2]"])[0] if loaded.entities else None
    return TextEncoder(
        tokenizer=loaded.tokenizer,
        entities=loaded.entities,
        most_tokens=most_tokens(config),
        bos=config.bos_id,
        eos=config.eos_id,
        mask_word=loaded.tokenizer.mask_id,
        ent=config.vocabulary_size,
        ent2=config.vocabulary_size + 1,
        mask=config.entity_mask_id,
        mask2=config.entity_mask_id if mask2 is None else mask2,  # mLUKE's own vocabulary may lack it
        unknown=config.entity_unknown_id,
    )
