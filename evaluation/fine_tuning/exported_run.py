"""Writes a fine-tuned model as the class of transformers with the same head, such as LukeForEntityPairClassification.

The names of the encoder's tensors are those of `LukeForMaskedLM`, without its heads. The word table has two more rows,
of <ent> and <ent2>; entity-aware attention is on only if the checkpoint has queries of its own for it.
"""

import json
import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from mlukit.evaluation.encoder.task_words import COPIED_PIECES
from mlukit.evaluation.errors import EvaluationError
from mlukit.evaluation.fine_tuning.trained_run import TrainedRun
from mlukit.evaluation.tasks.task import ExportForm
from mlukit.pretraining.config import DataConfig
from mlukit.pretraining.hugging_face.entity_vocabulary import ENTITY_VOCABULARY_FILE, write_entity_vocabulary
from mlukit.pretraining.hugging_face.luke_config import luke_config
from mlukit.pretraining.hugging_face.names import WORD_ROWS, to_hugging_face
from mlukit.pretraining.hugging_face.new_folder import new_folder
from mlukit.pretraining.hugging_face.tokenizer_files import SENTENCEPIECE_FILE, TOKENIZER_CONFIG_FILE, write_tokenizer
from mlukit.pretraining.training.run_folder import examples_of, write_json
from mlukit.schemas.layout import TOKENIZER, VOCABULARY_PARQUET

_HEADS = ("lm_head.", "entity_predictions.")  # of LukeForMaskedLM
_POOLER = "luke.pooler.dense"  # transformers has it, and no task uses it
_ENCODER = "encoder."


def export_run(trained: TrainedRun, output: Path) -> str:
    """Writes the model folder.

    Args:
        trained: the model.
        output: the folder to write; it must not exist, or be empty.

    Returns:
        The name of the class in transformers.

    Raises:
        EvaluationError: transformers has no class for this task and variant.
        FileExistsError: the output is not empty.
    """
    form = trained.task.exported.get(trained.variant)
    if form is None:
        known = ", ".join(trained.task.exported) or "no variant"
        raise EvaluationError(
            f"--variant {trained.variant}: transformers has no class with this head; {trained.task.name} can export "
            f"{known}"
        )
    words, entities = _vocabularies(trained)
    with new_folder(output) as folder:
        write_json(folder / "config.json", _config(trained, form))
        save_file(_tensors(trained, form), folder / "model.safetensors", {"format": "pt"})
        write_tokenizer(words.read_bytes(), folder, DataConfig())
        _set_task(folder / TOKENIZER_CONFIG_FILE, form)
        if entities.suffix == ".json":
            shutil.copyfile(entities, folder / ENTITY_VOCABULARY_FILE)
        else:
            write_entity_vocabulary(entities, folder / ENTITY_VOCABULARY_FILE)
        (folder / "README.md").write_text(_card(trained, form, output.resolve().name), encoding="utf-8")
    return form.architecture


def _vocabularies(trained: TrainedRun) -> tuple[Path, Path]:
    """The SentencePiece model and the entity vocabulary of the checkpoint."""
    folder, chosen = Path(trained.config["model"]), trained.config["examples"]
    if (folder / SENTENCEPIECE_FILE).is_file():
        return folder / SENTENCEPIECE_FILE, folder / ENTITY_VOCABULARY_FILE
    examples = examples_of(folder, Path(chosen) if chosen else None)
    return examples / TOKENIZER, examples / VOCABULARY_PARQUET


def _config(trained: TrainedRun, form: ExportForm) -> dict[str, Any]:
    values = trained.task.hyper_parameters
    config = trained.model.encoder.config
    labels = trained.data.labels
    return {
        **luke_config(config, values.attention_dropout),
        "hidden_dropout_prob": values.hidden_dropout,
        "architectures": [form.architecture],
        "use_entity_aware_attention": config.entity_aware_attention,
        "id2label": {str(number): label for number, label in enumerate(labels)},
        "label2id": {label: number for number, label in enumerate(labels)},
    }


def _tensors(trained: TrainedRun, form: ExportForm) -> dict[str, Tensor]:
    """The encoder by the names of transformers, and the head."""
    model, config = trained.model, trained.model.encoder.config
    weights = {name: value.detach().cpu() for name, value in model.encoder.state_dict().items()}
    found = {name: value for name, value in to_hugging_face(config, weights) if not name.startswith(_HEADS)}
    size = config.vocabulary_size
    found[WORD_ROWS[0]] = weights["word_embeddings.words.weight"][: size + len(COPIED_PIECES)]
    found[f"{_POOLER}.weight"] = torch.zeros(config.hidden_size, config.hidden_size)
    found[f"{_POOLER}.bias"] = torch.zeros(config.hidden_size)
    for name, value in model.head.state_dict().items():
        found[f"{form.head}.{name}"] = value.cpu()
    return {name: value.float().contiguous() for name, value in found.items()}


def _set_task(file: Path, form: ExportForm) -> None:
    """Has the tokenizer of transformers mark the entities as in training."""
    if form.tokenizer_task:
        write_json(file, {**json.loads(file.read_bytes()), "task": form.tokenizer_task})


def _card(trained: TrainedRun, form: ExportForm, name: str) -> str:
    """README.md: what the model was trained on, and how it is loaded."""
    result, metric = trained.result, trained.task.metric
    scores = ", ".join(f"{test} {values[metric]:.4f}" for test, values in result.scores.items())
    return f"""\
# {name}

`{form.architecture}`, fine-tuned by `mlukit evaluate {trained.task.name}` from {Path(trained.config["model"]).name}:
learning rate {result.learning_rate:g}, seed {result.seed}, epoch {result.epoch}. {metric}: {scores}.

```python
from transformers import AutoTokenizer, {form.architecture}

tokenizer = AutoTokenizer.from_pretrained("{name}")
model = {form.architecture}.from_pretrained("{name}")
```
"""
