"""The graph of the mentions stage: how often each anchor of the mention dictionaries is a link where it stands.

The figures are columns of the mention dictionaries, which the vocabulary stage has made. New shards are written under
new names beside the old ones; then the manifest names the new shards; at the end, the old ones are removed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, TypeAlias

import apache_beam as beam
from apache_beam.pvalue import AsDict

from mlukit.corpus.relatedness.count_neighbours import PAIRS, PARTS
from mlukit.engine.manifests import publish_manifest, ranges_of, remove_unlisted, shards_of
from mlukit.engine.step_results import Results, join
from mlukit.engine.steps import Once, Step, value_of
from mlukit.engine.storage import Storage
from mlukit.engine.workplace import Workplace
from mlukit.pipelines.graphs.link import Linked
from mlukit.pipelines.graphs.vocabulary import check_current
from mlukit.pipelines.settings import Settings
from mlukit.pipelines.stage import Stage, fingerprint
from mlukit.schemas import layout
from mlukit.schemas.arrow import MENTIONS
from mlukit.schemas.formats import PARQUET, format_of
from mlukit.schemas.manifest import FolderContents, Shard
from mlukit.transforms.detection.build_match_table import AnchorTable, BuildMatchTable, anchors_of
from mlukit.transforms.detection.count_anchors import CountAnchors, SearchedShard
from mlukit.transforms.detection.hash_anchors import HashAnchors, MentionShard
from mlukit.transforms.detection.merge_figures import FiguresPart, MergeFigures
from mlukit.transforms.detection.write_dictionary import MentionDictionary, WriteDictionary
from mlukit.transforms.relatedness.count_pairs import CountPairs, PairedShard
from mlukit.transforms.relatedness.merge_pairs import MergePairs, PairPart
from mlukit.transforms.relatedness.write_related import PairParts, WriteRelated


@dataclass(frozen=True, slots=True)
class MentionsStage(Stage):
    """The stage, which replaces the shards of another stage."""

    def tidy(self, storage: Storage) -> None:
        """Also removes the shards without figures: a job that is restarted on a cluster needs them until its end."""
        record = self.record(storage)
        for language in record["languages"] if record else ():
            if language != layout.ALL_LANGUAGES:  # the related entities, which have a folder of their own
                remove_unlisted(storage, layout.folder(layout.MENTIONS, language))
        super(MentionsStage, self).tidy(storage)  # super() alone fails in a dataclass with slots


STAGE = MentionsStage(
    "mentions",
    ("anchors", "tables", "detect", "figures", "dictionary", "pairs", "neighbours", "related"),
    needs=("link", "vocabulary"),
)

_FEW_SHARDS = 8  # the pairs of fewer shards are one hash part

Shards: TypeAlias = Mapping[str, Sequence[Shard]]  # the shards of the mention dictionaries, by language


def inputs_of(linked: Mapping[str, Any], vocabulary: Mapping[str, Any]) -> dict[str, Any]:
    """Identifies the inputs of the stage: the records of the two earlier stages."""
    return {"link": fingerprint(linked), "vocabulary": fingerprint(vocabulary)}


class CountMentions(beam.PTransform):
    """The mentions stage: adds figures to the mention dictionaries, and emits the record of the stage.

    Args:
        workplace: where the tasks run.
        settings: the settings of the run.
        kinds: the kinds of pages that count, the same as for the vocabulary.
        linked: the finished link stage.
        vocabulary: the record of the vocabulary stage.
        last: the record of the stage after which this stage begins.
    """

    def __init__(
        self,
        workplace: Workplace,
        settings: Settings,
        kinds: Sequence[str],
        linked: Linked,
        vocabulary: beam.PCollection,
        last: beam.PCollection,
    ) -> None:
        super().__init__()
        self._workplace, self._settings, self._kinds = workplace, settings, frozenset(kinds)
        self._linked, self._vocabulary, self._last = linked, vocabulary, last

    def expand(self, begin: beam.pvalue.PBegin) -> beam.PCollection:
        """Applies the transforms to the pipeline."""
        work, settings = self._workplace, self._settings
        records = [value_of(self._linked.record), value_of(self._vocabulary)]
        begun = begin | Once(
            work, "begin mentions", BeginMentions(work.storage, settings), [*records, value_of(self._last)]
        )
        shards, articles = value_of(begun), AsDict(self._linked.articles)

        def step(title: str, *needs: beam.pvalue.AsSideInput, **more: Any) -> beam.PCollection:
            return begin | Step(STAGE.name, title, needs=needs, **more)

        hashed = step("hash anchors", shards, plan=plan_hashes, transforms=[HashAnchors(work)])
        building = BuildMatchTable(work).after(hashed)
        tables = step("build match tables", shards, AsDict(hashed), plan=plan_tables, transforms=[building])
        counting = CountAnchors(work, self._kinds).after(hashed)
        counted = step("count anchors", shards, articles, AsDict(tables), plan=plan_counts, transforms=[counting])
        merging = MergeFigures(work).after(counted)
        merged = step("merge figures", shards, AsDict(hashed), AsDict(counted), plan=plan_figures, transforms=[merging])
        writing = WriteDictionary(work).after(merged)
        written = step("write dictionaries", AsDict(merged), plan=plan_dictionaries, transforms=[writing])
        pairing = CountPairs(work, self._kinds)
        pairs = step("count pairs of entities", shards, articles, plan=plan_pairs, transforms=[pairing])
        merging_pairs = MergePairs(work).after(pairs)
        pair_parts = step(
            "merge pairs of entities", articles, AsDict(pairs), plan=plan_pair_parts, transforms=[merging_pairs]
        )
        relating = WriteRelated(work).after(pair_parts)
        related = step("write related entities", AsDict(pair_parts), plan=plan_related, transforms=[relating])
        finish, results = FinishMentions(work, settings), (hashed, counted, merged, written, pairs, related)
        return begin | Once(work, "finish mentions", finish, [*records, *map(AsDict, results)])


@dataclass(frozen=True, slots=True)
class BeginMentions:
    """Begins the stage, when the records of the earlier stages are there."""

    storage: Storage
    settings: Settings

    def __call__(self, linked: Mapping[str, Any], vocabulary: Mapping[str, Any], _: object) -> Shards:
        """Returns the shards of the mention dictionaries.

        Raises:
            SettingsError: the stage was begun with other inputs, or the vocabulary was made from other articles.
        """
        check_current(self.storage.root, linked, vocabulary)
        STAGE.begin(self.storage, self.settings, inputs_of(linked, vocabulary))
        return {
            language: [
                shard
                for shard in shards_of(self.storage, layout.folder(layout.MENTIONS, language))
                if format_of(shard.path) is PARQUET
            ]
            for language in linked["inputs"]["languages"]
        }


def plan_hashes(shards: Shards) -> list[MentionShard]:
    """Plans a task for each shard of a mention dictionary."""
    return [
        MentionShard(language, number, shard.bytes, shard.path, len(of_language))
        for language, of_language in shards.items()
        for number, shard in enumerate(of_language)
    ]


def plan_tables(shards: Shards, hashed: Results) -> list[AnchorTable]:
    """Plans a task for each language."""
    return [
        AnchorTable(language, 0, layout.total_bytes(hashed[language].shards), layout.paths(of_language))
        for language, of_language in shards.items()
    ]


def plan_counts(shards: Shards, articles: Results, _: Results) -> list[SearchedShard]:
    """Plans a task for each range of the dumps."""
    return [
        SearchedShard(language, number, layout.total_bytes(files), layout.paths(files))
        for language in shards
        for number, files in enumerate(ranges_of(articles[language].shards))
    ]


def plan_figures(shards: Shards, hashed: Results, counted: Results) -> list[FiguresPart]:
    """Plans a task for each shard of a mention dictionary."""
    return [
        FiguresPart(language, number, shard.bytes + layout.total_bytes(counted[language].shards), shard.path, first)
        for language, of_language in shards.items()
        for number, (shard, first) in enumerate(
            zip(of_language, accumulate(anchors_of(hashed[language]), initial=0), strict=False)
        )
    ]


def plan_dictionaries(merged: Results) -> list[MentionDictionary]:
    """Plans a task for each language."""
    return [
        MentionDictionary(language, 0, layout.total_bytes(results.shards))
        for language, results in sorted(merged.items())
    ]


def plan_pairs(shards: Shards, articles: Results) -> list[PairedShard]:
    """Plans a task for each range of the dumps."""
    parts = _pair_parts(articles)
    return [
        PairedShard(language, number, layout.total_bytes(files), layout.paths(files), parts)
        for language in shards
        for number, files in enumerate(ranges_of(articles[language].shards))
    ]


def plan_pair_parts(articles: Results, pairs: Results) -> list[PairPart]:
    """Plans a task for each hash part of the pairs."""
    parts = _pair_parts(articles)
    cost = sum(layout.total_bytes(results.shards) for results in pairs.values()) // parts
    return [PairPart(layout.ALL_LANGUAGES, part, cost) for part in range(parts)]


def plan_related(merged: Results) -> list[PairParts]:
    """Plans the task for the file of related entities."""
    return [PairParts(layout.ALL_LANGUAGES, 0, layout.total_bytes(merged[layout.ALL_LANGUAGES].shards))]


def _pair_parts(articles: Results) -> int:
    """The number of hash parts of the pairs: 1 for a small corpus, else as many as shards, but at most PARTS."""
    shards = sum(len(ranges_of(results.shards)) for results in articles.values())
    return min(PARTS, shards) if shards >= _FEW_SHARDS else 1


@dataclass(frozen=True, slots=True)
class FinishMentions:
    """Publishes the mention dictionaries with their figures and the record of the stage, and returns the record."""

    workplace: Workplace
    settings: Settings

    def __call__(
        self,
        linked: Mapping[str, Any],
        vocabulary: Mapping[str, Any],
        hashed: Results,
        counted: Results,
        merged: Results,
        written: Results,
        pairs: Results,
        related: Results,
    ) -> dict[str, Any]:
        """Replaces the manifests, and writes the record from the results of the steps."""
        storage, published = self.workplace.storage, join(merged, written)
        for language, results in published.items():
            old = storage.read_json(layout.manifest(layout.folder(layout.MENTIONS, language)))
            kept = {name: old[name] for name in ("options", "inputs", "sources")}
            contents = FolderContents(layout.MENTIONS, MENTIONS, language, **kept)
            publish_manifest(storage, contents, results, remove=False)
        settings, inputs = self.settings, inputs_of(linked, vocabulary)
        common = {"options": settings.output_options(STAGE.name), "inputs": inputs, "sources": linked["sources"]}
        folder = FolderContents(layout.RELATED, PAIRS, None, **common)
        folders = [publish_manifest(storage, folder, related[layout.ALL_LANGUAGES])]
        totals = join(hashed, counted, merged, written, pairs, related)
        result = {"languages": {code: results.to_json() for code, results in totals.items()}}
        return STAGE.finish(self.workplace, settings, inputs, result, folders)
