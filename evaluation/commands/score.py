"""`mlukit evaluate score`: scores predictions, of a RUN or of anyone, without torch."""

from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path

from mlukit.engine.command_parser import CommandParser
from mlukit.engine.errors import RefusedError
from mlukit.evaluation.results.run_config import read_data
from mlukit.evaluation.results.score import score_run
from mlukit.evaluation.tasks.table import TASKS, load_task
from mlukit.pretraining.local_folder import local_folder

_EXAMPLES = """\
  mlukit evaluate score RUN
  mlukit evaluate score relx --data DIR --predictions answers.txt --test de
"""
_NOTE = (
    "The official form of predictions is that of each set: relx takes lines of number, tab and relation; ner takes the "
    "test file with a last column of predicted tags; qa takes a JSON object of ids, each with its answer. An example "
    "without a prediction counts as wrong."
)


def run(flags: Namespace) -> int:
    """Prints the scores; returns the exit status."""
    if flags.what in TASKS:
        return _score_file(flags)
    for result in score_run(Path(flags.what)):
        place = result.folder.relative_to(Path(flags.what))
        for test, values in result.scores.items():
            _show(f"{place.as_posix()} {test}", values)
    return 0


def _score_file(flags: Namespace) -> int:
    for flag in ("data", "predictions", "test"):
        if getattr(flags, flag) is None:
            raise RefusedError(f"--{flag} is missing: score {flags.what} needs --data, --predictions and --test")
    task = load_task(flags.what)
    values = {one.name: one.default if one.when_scoring is None else one.when_scoring for one in task.flags}
    options = {"flags": values, "limit": None, "test_limit": None}
    data = read_data(task, flags.data, {**options, "tests": [flags.test]})
    if not flags.predictions.is_file():
        raise RefusedError(f"--predictions {flags.predictions}: there is no such file")
    _show(flags.test, task.score(data, flags.test, task.read_predictions(flags.predictions, data, flags.test)))
    return 0


def _show(name: str, values: Mapping[str, float]) -> None:
    print(f"{name}: {', '.join(f'{metric} {value:.4f}' for metric, value in values.items())}")


def parser() -> CommandParser:
    """The parser of the command's flags."""
    description = "Scores the predictions of a RUN again, or anyone's predictions in the official form of a set."
    made = CommandParser("evaluate score", "RUN|TASK [FLAGS]", description, _EXAMPLES, [_NOTE])
    add = made.group("input").add_argument
    add("what", metavar="RUN|TASK", help="Folder of mlukit evaluate, or the name of a task. Required.")
    add("--data", type=local_folder, metavar="DIR", help="Folder of the official files; for TASK.")
    add("--predictions", type=local_folder, metavar="FILE", help="Predictions in the official form; for TASK.")
    add("--test", metavar="NAME", help="Test that the predictions are for, such as de; for TASK.")
    return made
