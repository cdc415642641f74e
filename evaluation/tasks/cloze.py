"""Cloze prompts from one's own triples, measured as mLAMA is; data/facts/triples.py has the form of the files."""

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from mlukit.evaluation.data.facts.triples import read_triples
from mlukit.evaluation.tasks.cloze_task import ClozeTask, task_data
from mlukit.evaluation.tasks.parallel_task import LANGUAGES, codes
from mlukit.evaluation.tasks.task import Flag, TaskData


class Cloze(ClozeTask):
    """See the docstring of this module."""

    name = "cloze"
    measures = "Whether a right object of a fact is ranked before others, by words and by entities: your own triples."
    own_data = "Folder with templates.csv and triples.csv, or with templates.jsonl and triples.jsonl."
    flags: ClassVar[tuple[Flag, ...]] = (LANGUAGES,)

    def read(self, folder: Path, options: Mapping[str, str]) -> TaskData:
        """Reads templates, triples and, if they are there, candidates."""
        return task_data(read_triples(folder, codes(options, LANGUAGES)))


TASK = Cloze()
