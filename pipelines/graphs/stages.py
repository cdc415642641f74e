"""Stages that follow each other, in one graph: all of them, from dumps to training examples, or some."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import apache_beam as beam

from mlukit.engine.errors import say
from mlukit.engine.steps import Once
from mlukit.engine.storage import Storage
from mlukit.engine.workplace import Workplace
from mlukit.pipelines.graphs import examples, link, vocabulary
from mlukit.pipelines.settings import Settings
from mlukit.pipelines.sources import Sources, find_sources
from mlukit.pipelines.stage import Stage
from mlukit.schemas import layout
from mlukit.transforms.open_title_index import check_index_versions

STAGES = (link.STAGE, vocabulary.STAGE, examples.STAGE)


@dataclass(frozen=True, slots=True)
class StagesGraph:
    """The graph of some stages that follow each other; those before them are finished."""

    settings: Settings
    stages: tuple[str, ...]
    languages: tuple[str, ...]
    sources: Sources | None  # of the link stage, where it is among the stages

    def __call__(self, pipeline: beam.Pipeline, workplace: Workplace) -> list[beam.PCollection]:
        """Applies the stages' transforms, and gives what the last one gives."""
        settings, storage = self.settings, workplace.storage
        if self.sources is not None:
            linked = pipeline | "link" >> link.LinkArticles(workplace, settings, self.sources)
        else:
            linked = pipeline | "finished link" >> link.ReadLinked(workplace)
        kinds: Sequence[str] = settings.kinds
        last = linked.record
        if "vocabulary" in self.stages:
            make = vocabulary.MakeVocabulary(workplace, settings, self.languages, linked)
            last = pipeline | "vocabulary" >> make
        elif "examples" in self.stages:
            kinds = vocabulary.STAGE.needed(storage, "examples")["options"]["kinds"]
            read = link.ReadRecord(storage, vocabulary.STAGE)
            last = pipeline | "finished vocabulary" >> Once(workplace, "read vocabulary.json", read)
        if "examples" in self.stages:
            last = pipeline | "examples" >> examples.MakeExamples(workplace, settings, kinds, linked, last)
        return [last]


class Build:
    """The stages of a command, as the launcher sees them."""

    def __init__(self, settings: Settings, storage: Storage) -> None:
        self._settings, self._storage = settings, storage
        self._sources: Sources | None = None

    @property
    def sources(self) -> Sources:
        """What the link stage reads; looked for once."""
        self._sources = self._sources or find_sources(self._settings)
        return self._sources

    def inputs(self, stage: Stage) -> dict[str, Any]:
        """What identifies the inputs of a stage before which all are finished.

        Raises:
            SettingsError: one is not, or what it wrote is gone.
        """
        if stage is link.STAGE:
            return link.inputs_of(self.sources)
        linked = link.STAGE.needed(self._storage, stage.name)
        if stage is vocabulary.STAGE:
            check_index_versions(self._storage, linked["inputs"]["languages"])
            return vocabulary.inputs_of(linked)
        made = vocabulary.STAGE.needed(self._storage, stage.name)
        identity = examples.check_tokenizer(self._settings)
        return examples.inputs_of(self._storage.root, self._settings, identity, linked, made)

    def graph(self, stages: Sequence[Stage]) -> StagesGraph:
        """What does some stages that follow each other, before which all are finished; says how it does them."""
        names = tuple(stage.name for stage in stages)
        first = stages[0] is link.STAGE
        linked = None if first else link.STAGE.record(self._storage)
        languages = self.sources.languages if linked is None else linked["inputs"]["languages"]
        if "vocabulary" in names:
            needed = vocabulary.check(self._settings, languages)
            if self._settings.min_languages is None:
                say(
                    f"vocabulary: entities linked to in at least {needed} of {len(languages)} languages "
                    "(--min-languages)"
                )
        return StagesGraph(self._settings, names, tuple(languages), self.sources if first else None)

    def dumps(self) -> list[tuple[str, int]]:
        """Path or name, and size, of each file of the dumps that the output is made of."""
        linked = link.STAGE.record(self._storage)
        if linked is None:
            return [(file.path, file.size) for _, kind, file in self.sources.files() if kind == "dump"]
        return [(source["name"], source["bytes"]) for source in linked["sources"] if source["kind"] == "dump"]

    def input_bytes(self, stages: Sequence[Stage]) -> int:
        """What the first of the stages reads."""
        if stages[0] is link.STAGE:
            return sum(file.size for _, _, file in self.sources.files())
        return sum(self._storage.sizes(layout.ARTICLES).values())
