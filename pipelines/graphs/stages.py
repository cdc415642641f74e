"""The graph of consecutive stages: all stages from dumps to training examples, or some of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import apache_beam as beam

from mlukit.engine.steps import Once
from mlukit.engine.storage import Storage
from mlukit.engine.workplace import Workplace
from mlukit.pipelines.graphs import examples, link, mentions, vocabulary
from mlukit.pipelines.settings import Settings
from mlukit.pipelines.sources import Sources, find_sources, no_source_of_items
from mlukit.pipelines.stage import Stage
from mlukit.schemas import layout
from mlukit.transforms.open_title_index import check_index_versions

STAGES = (link.STAGE, vocabulary.STAGE, examples.STAGE, mentions.STAGE)


@dataclass(frozen=True, slots=True)
class StagesGraph:
    """The graph of consecutive stages; earlier stages are finished."""

    settings: Settings
    stages: tuple[str, ...]
    languages: tuple[str, ...]
    sources: Sources | None  # what the link stage reads; None if the link stage is not among the stages

    def __call__(self, pipeline: beam.Pipeline, workplace: Workplace) -> list[beam.PCollection]:
        """Applies the transforms of the stages, and returns the output of the last stage."""
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
        elif {"examples", "mentions"}.intersection(self.stages):
            kinds = vocabulary.STAGE.needed(storage, self.stages[0])["options"]["kinds"]
            read = link.ReadRecord(storage, vocabulary.STAGE)
            last = pipeline | "finished vocabulary" >> Once(workplace, "read vocabulary.json", read)
        made = last
        if "examples" in self.stages:
            last = pipeline | "examples" >> examples.MakeExamples(workplace, settings, kinds, linked, made)
        if "mentions" in self.stages:
            last = pipeline | "mentions" >> mentions.CountMentions(workplace, settings, kinds, linked, made, last)
        return [last]


class Build:
    """Prepares the stages of a command in the launcher: settings, sources, inputs and graph."""

    def __init__(self, settings: Settings, storage: Storage, stages: Sequence[Stage]) -> None:
        self._given, self._storage, self._stages = settings, storage, tuple(stages)
        self._sources: Sources | None = None

    @property
    def settings(self) -> Settings:
        """The settings, with the defaults that depend on the languages."""
        if vocabulary.STAGE not in self._stages:
            return self._given
        return vocabulary.resolved(self._given, self._languages)

    @property
    def _languages(self) -> list[str]:
        if link.STAGE in self._stages:
            return self.sources.languages
        languages: list[str] = link.STAGE.needed(self._storage, self._stages[0].name)["inputs"]["languages"]
        return languages

    @property
    def sources(self) -> Sources:
        """The files that the link stage reads; searched for only once.

        Raises:
            SettingsError: too few languages have a source of items.
        """
        if self._sources is None:
            found = find_sources(self._given)
            self._check_items(found.languages, found.without_items)
            self._sources = found
        return self._sources

    def _check_items(self, languages: Sequence[str], without: Sequence[str]) -> None:
        """Refuses languages without a source of items, unless the flags allow them and the vocabulary gets entities."""
        if vocabulary.STAGE not in self._stages or vocabulary.has_enough(self._given, languages, without):
            if without and not self._given.allow_unresolved:
                raise no_source_of_items(without)
        elif self._given.allow_unresolved:
            raise vocabulary.too_few_languages(self._given, languages, without)
        else:
            raise no_source_of_items(without, " and --keep-without-entities")

    def inputs(self, stage: Stage) -> dict[str, Any]:
        """Identifies the inputs of a stage; all earlier stages must be finished.

        Raises:
            SettingsError: an earlier stage is not finished, its files have changed, or the vocabulary would be empty.
        """
        if stage is link.STAGE:
            return link.inputs_of(self.sources)
        linked = link.STAGE.needed(self._storage, stage.name)
        if stage is vocabulary.STAGE:
            if self._given.overwrite or stage.record(self._storage) is None:
                vocabulary.check_links(self._given, self._storage.root, linked)
            check_index_versions(self._storage, linked["inputs"]["languages"])
            return vocabulary.inputs_of(linked)
        made = vocabulary.STAGE.needed(self._storage, stage.name)
        vocabulary.check_current(self._storage.root, linked, made)
        if stage is mentions.STAGE:
            check_index_versions(self._storage, linked["inputs"]["languages"])
            return mentions.inputs_of(linked, made)
        identity = examples.check_tokenizer(self._given)
        return examples.inputs_of(self._given, identity, linked, made)

    def graph(self, stages: Sequence[Stage]) -> StagesGraph:
        """The graph of consecutive stages; all earlier stages must be finished."""
        names = tuple(stage.name for stage in stages)
        first = stages[0] is link.STAGE
        return StagesGraph(self.settings, names, tuple(self._languages), self.sources if first else None)

    def dumps(self) -> list[tuple[str, int]]:
        """Path or name, and size, of each file of the dumps from which the output is made."""
        linked = link.STAGE.record(self._storage)
        if linked is None:
            return [(file.path, file.size) for _, kind, file in self.sources.files() if kind == "dump"]
        return [(source["name"], source["bytes"]) for source in linked["sources"] if source["kind"] == "dump"]

    def input_bytes(self, stages: Sequence[Stage]) -> int:
        """The number of bytes that the first of the stages reads."""
        if stages[0] is link.STAGE:
            return sum(file.size for _, _, file in self.sources.files())
        return sum(self._storage.sizes(layout.ARTICLES).values())
