"""mLAMA [Kassner, Dufter and Schütze 2021]: does the checkpoint rank the right object of a fact before others?

The candidates of a relation are typed: the objects that mLAMA lists for it in the language. A test is a
part and a language: "trex-de", "googlere-de".
"""

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from mlukit.evaluation.data.facts.mlama import PARTS, read_mlama
from mlukit.evaluation.errors import EvaluationError
from mlukit.evaluation.tasks.cloze_task import ClozeTask, task_data
from mlukit.evaluation.tasks.parallel_task import LANGUAGES, codes
from mlukit.evaluation.tasks.task import Flag, TaskData

_PART = Flag("part", "NAME", f"{' or '.join(PARTS)}: T-REx or Google-RE, each in a RUN of its own.", "trex")


class Mlama(ClozeTask):
    """See the docstring of this module."""

    name = "mlama"
    measures = "Whether the right object of a fact is ranked before others, by words and by entities."
    official = ("mlama",)
    flags: ClassVar[tuple[Flag, ...]] = (LANGUAGES, _PART)

    def read(self, folder: Path, options: Mapping[str, str]) -> TaskData:
        """Reads templates, triples and candidates."""
        part = options.get(_PART.name) or _PART.default
        if part not in PARTS:
            raise EvaluationError(f"--{_PART.name} {part!r} is not one of {', '.join(PARTS)}")
        return task_data(read_mlama(folder, part, codes(options, LANGUAGES)), f"{part}-")


TASK = Mlama()
