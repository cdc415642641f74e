"""The table of tasks. A task is in the file of its name, with _ for -, as `TASK`."""

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING

from mlukit.engine.command_parser import nearest
from mlukit.evaluation.errors import EvaluationError

if TYPE_CHECKING:
    from mlukit.evaluation.tasks.task import Task

TASKS: Mapping[str, str] = {  # the name of a task -> what it measures
    "relx": "the relation between two entities of a sentence: KBP37 (English) to RELX (five languages)",
    "ner": "names in text: CoNLL (English to German, Spanish, Dutch), WikiANN, or the Hub's token classification",
    "qa": "answers to questions in their context: SQuAD 1.1 (English) to XQuAD and MLQA",
    "retrieval": "whether words in context find their translation, in every layer: XQuAD, or your own parallel texts",
    "modularity": "how far the nearest neighbours of words split by language, in every layer: the same texts",
    "tatoeba": "whether a sentence finds its translation: Tatoeba's test set, in the form of LASER and XTREME",
    "held-out": "masked words and entities of the validation examples of an OUT of mlukit build, by language",
    "mlama": "facts by words and by entities: mLAMA's prompts in 53 languages",
    "cloze": "facts by words and by entities: prompts from your own triples",
}


def load_task(name: str) -> "Task":
    """The task of a name in the table.

    Raises:
        EvaluationError: the table has no such task.
    """
    if name not in TASKS:
        hint = nearest(name, tuple(TASKS)) or f"; accepted: {', '.join(TASKS)}"
        raise EvaluationError(f"unknown task {name!r}{hint}")
    found: Task = import_module(f"mlukit.evaluation.tasks.{name.replace('-', '_')}").TASK
    return found
