"""The best fine-tuned model of a RUN, loaded for predictions on one's own text and for export."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from mlukit.evaluation.encoder.encoder import Encoder, fingerprint_of, load_encoder
from mlukit.evaluation.errors import ExampleError
from mlukit.evaluation.fine_tuning.model import FineTunedModel
from mlukit.evaluation.fine_tuning.predict import scores_of
from mlukit.evaluation.results.choice import best_of_variant
from mlukit.evaluation.results.run_folder import BEST, Result, RunError, read_config, read_results
from mlukit.evaluation.tasks.table import load_task
from mlukit.evaluation.tasks.task import ENTITIES, FineTunedTask, Line, TaskData
from mlukit.pretraining.training.run_folder import WEIGHTS

_ROOM = 8_192  # places of a batch


@dataclass(frozen=True, slots=True, eq=False)
class TrainedRun:
    """A fine-tuned model.

    Attributes:
        task: that it was trained for.
        data: the labels, without examples.
        variant: of its inputs.
        encoder: the checkpoint that it was fine-tuned from, with its words and entities.
        model: in evaluation mode.
        config: of the RUN.
        result: what is known of the model.
    """

    task: FineTunedTask
    data: TaskData
    variant: str
    encoder: Encoder
    model: FineTunedModel
    config: Mapping[str, Any]
    result: Result

    def predict(self, lines: Sequence[Mapping[str, Any]]) -> list[Line]:
        """The prediction for each line, or its failure.

        Raises:
            EvaluationError: a line is not what the task needs.
        """
        examples = [self.task.example_of_text(line, number) for number, line in enumerate(lines, 1)]
        device, found = self.encoder.loaded.device, list[Line]()
        for example in examples:
            try:
                inputs = self.task.inputs(self.data, example, self.variant, self.encoder.texts)
            except ExampleError as error:
                found.append({"id": example.id, "failure": str(error)})
                continue
            scores = scores_of(self.model, inputs, device, room=_ROOM, half=False)
            found.append({"id": example.id, **self.task.decode(self.data, example, inputs, scores)})
        return found


def load_trained_run(run: Path, variant: str | None = None, device: str | None = None) -> TrainedRun:
    """Loads the model that is best on dev.

    Args:
        run: the folder of a RUN of a task that fine-tunes.
        variant: None for entities, where the RUN has them.
        device: as in `load_encoder`.

    Raises:
        RunError: the RUN has no such model, or its checkpoint has changed; the text names the folder.
    """
    config = read_config(run)
    task = load_task(config["task"])
    trained = [one for one in read_results(run) if (one.folder / BEST / WEIGHTS).is_file()]
    variants = list(dict.fromkeys(one.variant for one in trained))
    if not isinstance(task, FineTunedTask) or not variants:
        raise RunError(f"{run} has no fine-tuned model: {config['task']} trains nothing, or the RUN is not finished")
    variant = variant or (ENTITIES if ENTITIES in variants else variants[0])
    if variant not in variants:
        raise RunError(f"--variant {variant}: {run} has models of {', '.join(variants)}")
    result = best_of_variant([one for one in trained if one.variant == variant], task.metric)
    encoder = load_encoder(Path(config["model"]), Path(config["examples"]) if config["examples"] else None, device)
    if fingerprint_of(encoder.model) != config["fingerprint"]:
        raise RunError(f"{config['model']} is another checkpoint than the one that {run} was fine-tuned from")
    data = TaskData(tests={}, labels=tuple(config["labels"]), options=config["flags"])
    data = task.prepare(data, [variant])
    head, with_entities = task.head(data, variant), task.needs_entities(variant)
    model = FineTunedModel(encoder.trainable_copy(0.0, 0.0), head, with_entities=with_entities)
    file = result.folder / BEST / WEIGHTS
    try:
        model.load_state_dict(load_file(file))
    except (SafetensorError, RuntimeError) as error:
        raise RunError(f"{file} is damaged, or of another model: {str(error).splitlines()[0]}") from error
    model = model.to(torch.device(encoder.loaded.device)).eval()
    return TrainedRun(task, data, variant, encoder, model, config, result)
