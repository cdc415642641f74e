"""The files of RUN, the folder of an evaluation. No torch.

RUN/config.json                                  task, options, checkpoint, files with SHA-256, hyper-parameters
RUN/lock                                         which process writes to the folder
RUN/VARIANT/seed-0/lr-1e-05/log.jsonl            losses of each epoch, and the scores on dev
RUN/VARIANT/seed-0/lr-1e-05/checkpoints/         to go on from, while it trains
RUN/VARIANT/seed-0/lr-1e-05/best/                weights of the best epoch; kept for the best seed
RUN/VARIANT/seed-0/lr-1e-05/predictions/de.jsonl a line an example; dev.jsonl has those of the best epoch
RUN/VARIANT/seed-0/lr-1e-05/result.json          written last: scores by test, by metric
RUN/VARIANT/predictions/, RUN/VARIANT/result.json   of a task that trains nothing: it has no seed and no learning rate
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mlukit.evaluation.errors import EvaluationError
from mlukit.pretraining.training.run_folder import read_json, write_json

CONFIG, RESULT, PREDICTIONS, LOG, BEST = "config.json", "result.json", "predictions", "log.jsonl", "best"


class RunError(EvaluationError):
    """A folder is not a RUN of mlukit evaluate, or does not fit what was asked; the text names it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One fine-tuned model, or one measurement.

    Attributes:
        folder: of its files.
        variant: such as "entities".
        seed: None for a task that trains nothing.
        learning_rate: as `seed`.
        epoch: the best one; None for a model that was not trained here.
        scores: by test ("dev" among them), by metric.
    """

    folder: Path
    variant: str
    seed: int | None = None
    learning_rate: float | None = None
    epoch: int | None = None
    scores: Mapping[str, Mapping[str, float]]

    def with_scores(self, scores: Mapping[str, Mapping[str, float]]) -> "Result":
        """The same model with other scores."""
        return replace(self, scores=scores)

    def write(self) -> None:
        """Writes result.json."""
        names = ("variant", "seed", "learning_rate", "epoch", "scores")
        write_json(self.folder / RESULT, {name: getattr(self, name) for name in names})


def variant_folder(run: Path, variant: str) -> Path:
    """The folder of a variant."""
    return run / variant.replace(" ", "-")


def training_folder(run: Path, variant: str, seed: int, learning_rate: float) -> Path:
    """The folder of one fine-tuned model."""
    return variant_folder(run, variant) / f"seed-{seed}" / f"lr-{learning_rate:g}"


def read_results(run: Path) -> list[Result]:
    """The results of a RUN, at least one, sorted by variant, learning rate and seed.

    Raises:
        RunError: a result cannot be read, or there is none.
    """
    if not (found := finished_results(run)):
        raise RunError(f"{run} has no result yet: run mlukit evaluate with --output {run} to its end")
    return found


def finished_results(run: Path) -> list[Result]:
    """The results of a RUN that are there, sorted as in `read_results`; RunError if one cannot be read."""
    found = []
    for file in sorted(run.rglob(RESULT)):
        value = read_json(file)
        try:
            found.append(Result(folder=file.parent, **value))
        except TypeError as error:
            raise RunError(f"{file} is not a result of this version of mlukit: {error}") from error
    return sorted(found, key=lambda one: (one.variant, one.learning_rate or 0, one.seed or 0))


def read_config(run: Path) -> dict[str, Any]:
    """The content of config.json.

    Raises:
        RunError: the folder is not a RUN of mlukit evaluate.
    """
    file = run / CONFIG
    value = read_json(file) if file.is_file() else None
    if not isinstance(value, dict) or "task" not in value:
        raise RunError(f"{run} is not a RUN of mlukit evaluate: it has no {CONFIG} with a task")
    return value


def predictions_file(folder: Path, test: str) -> Path:
    """The file of a test's predictions."""
    return folder / PREDICTIONS / f"{test}.jsonl"


def write_predictions(folder: Path, test: str, lines: Iterable[Mapping[str, Any]]) -> None:
    """Writes the predictions of a test, under another name first."""
    file = predictions_file(folder, test)
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_name(f".{file.name}.writing")
    with temporary.open("w", encoding="utf-8") as out:
        out.writelines(json.dumps(line, ensure_ascii=False, allow_nan=False) + "\n" for line in lines)
    temporary.rename(file)


def read_predictions(file: Path) -> list[dict[str, Any]]:
    """The predictions in a file of JSON lines.

    Raises:
        RunError: a line is not a JSON object with an "id".
    """
    return list(_lines(file))


def _lines(file: Path) -> Iterator[dict[str, Any]]:
    if not file.is_file():
        raise RunError(f"there is no file {file}")
    with file.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            try:
                value = json.loads(line)
            except ValueError as error:
                raise RunError(f"{file} line {number} is not JSON: {error}") from error
            if not isinstance(value, dict) or "id" not in value:
                raise RunError(f'{file} line {number} is {line[:60]!r}; an object with an "id" is needed')
            yield value


def describe_files(files: Sequence[Path]) -> dict[str, str]:
    """The SHA-256 of files, by path."""
    with ThreadPoolExecutor() as pool:
        return dict(zip(map(str, files), pool.map(_sha256, files), strict=True))


def _sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
