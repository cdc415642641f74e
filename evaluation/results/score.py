"""Scores written predictions again, offline and without torch."""

from pathlib import Path

from mlukit.evaluation.errors import say
from mlukit.evaluation.results.run_config import check_files, read_data
from mlukit.evaluation.results.run_folder import (
    PREDICTIONS,
    Result,
    read_config,
    read_predictions,
    read_results,
)
from mlukit.evaluation.tasks.table import load_task


def score_run(run: Path) -> list[Result]:
    """Scores every prediction of a RUN again, and writes results that have changed.

    Raises:
        RunError: the folder is not a RUN, the official files have changed, or predictions cannot be read.
    """
    config = read_config(run)
    check_files(config)
    task = load_task(config["task"])
    data = read_data(task, Path(config["data"]), config)
    found = []
    for result in read_results(run):
        files = sorted((result.folder / PREDICTIONS).glob("*.jsonl"))
        scores = {file.stem: task.score(data, file.stem, read_predictions(file)) for file in files}
        made = result.with_scores({name: scores[name] for name in result.scores if name in scores} | scores)
        if made.scores != result.scores:
            say(f"{result.folder}: the scores have changed")
            made.write()
        found.append(made)
    return found
