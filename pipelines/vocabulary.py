"""`mlukit vocabulary`: one entity vocabulary over all languages, and a mention dictionary for each."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mlukit.corpus.entities.count_links import PARTS
from mlukit.corpus.entities.vocabulary import EntityVocabulary, VocabularyError, VocabularyOptions, check_candidates
from mlukit.engine.errors import say
from mlukit.engine.manifests import publish_manifest, ranges_of, sources_of
from mlukit.pipelines.command import run_command
from mlukit.pipelines.report import ResultsByLanguage, by_language, language_totals
from mlukit.pipelines.run import Run, fingerprint
from mlukit.pipelines.settings import Settings, SettingsError
from mlukit.schemas import layout
from mlukit.schemas.arrow import MENTIONS, VOCABULARY
from mlukit.schemas.layout import ALL_LANGUAGES
from mlukit.schemas.manifest import FolderContents, Shard, TaskResult, total_flows, total_of
from mlukit.schemas.summaries import EntitySpread
from mlukit.transforms.count_links import CountLinks
from mlukit.transforms.merge_counts import MergeEntities, MergeMentions
from mlukit.transforms.order_vocabulary import OrderVocabulary

STAGE = "vocabulary"
STEPS = ("count", "merge", "mentions", "order")


def make_vocabulary(run: Run) -> None:
    """Does the stage on the articles of the run's output folder."""
    linked = run.needed("link", STAGE)
    inputs = {"link": fingerprint(linked)}
    if not run.begin(STAGE, inputs, STEPS):
        return
    languages = linked["inputs"]["languages"]
    needed = check(run.settings, languages)
    if run.settings.min_languages is None:
        say(f"vocabulary: entities linked to in at least {needed} of {len(languages)} languages (--min-languages)")
    articles = {language: ranges_of(run.storage, layout.folder(layout.ARTICLES, language)) for language in languages}
    counting = _count(run, articles)
    counted = by_language(counting, run.step("count links", counting))
    merged = _merge(run, counting, counted, needed)
    ordering, merging = _order(run, languages, merged), _mentions(counting[0].parts, counted)
    ordered, *mentions = run.step("order entities, merge mentions", [ordering, *merging])
    _finish(run, inputs, linked["sources"], _Results(counted, [*merged, ordered], by_language(merging, mentions)))


@dataclass(frozen=True, slots=True)
class _Results:
    """What the stage's tasks left."""

    counted: ResultsByLanguage
    vocabulary: list[TaskResult]
    mentions: ResultsByLanguage


def check(settings: Settings, languages: Sequence[str]) -> int:
    """In how many languages an entity must be linked to; SettingsError where none could come into the vocabulary."""
    options = VocabularyOptions(settings.vocabulary_size, settings.min_languages, settings.min_count)
    try:
        return options.languages_needed(languages)
    except VocabularyError as error:
        raise SettingsError(str(error)) from error


def parts_of(shards: int) -> int:
    """Into how many hash parts counts are cut: one to begin with, `PARTS` for a corpus of any size."""
    return min(PARTS, max(1, shards // 4))


def _count(run: Run, articles: Mapping[str, Sequence[Sequence[Shard]]]) -> list[CountLinks]:
    kinds = frozenset(run.settings.kinds)
    parts = parts_of(sum(map(len, articles.values())))
    return [
        CountLinks(language, number, _bytes(files), articles=layout.paths(files), kinds=kinds, parts=parts)
        for language, ranges in articles.items()
        for number, files in enumerate(ranges)
    ]


def _bytes(shards: Iterable[Shard]) -> int:
    return sum(shard.bytes for shard in shards)


def _merge(run: Run, counting: Sequence[CountLinks], counted: ResultsByLanguage, needed: int) -> list[TaskResult]:
    files = tuple((task.language, task.entities_path) for task in counting)
    parts, min_count = counting[0].parts, run.settings.min_count
    cost = _bytes(result.shards[0] for results in counted.values() for result in results) // parts
    tasks = [
        MergeEntities(ALL_LANGUAGES, part, cost, shards=files, min_languages=needed, min_count=min_count)
        for part in range(parts)
    ]
    results = run.step("merge entities", tasks)
    flow, spread = total_flows(results)["entities"], total_of(results, EntitySpread)
    try:
        check_candidates(flow, spread.entities, needed, min_count)
    except VocabularyError as error:
        raise SettingsError(str(error)) from error
    return results


def _order(run: Run, languages: Sequence[str], merged: Sequence[TaskResult]) -> OrderVocabulary:
    shards, size = [result.shards[0] for result in merged], run.settings.vocabulary_size
    parts = layout.paths(shards)
    return OrderVocabulary(ALL_LANGUAGES, 0, _bytes(shards), parts=parts, languages=tuple(languages), size=size)


def _mentions(parts: int, counted: ResultsByLanguage) -> list[MergeMentions]:
    tasks = []
    for language, results in counted.items():
        written = [result.shards[1] for result in results]
        files = tuple((language, shard.path) for shard in written)
        cost = _bytes(written) // parts
        for part in range(parts):
            tasks.append(MergeMentions(language, part, cost, files, layout.mentions_shard(language, part)))
    return tasks


def _finish(run: Run, inputs: Mapping[str, Any], sources: Sequence[Mapping[str, Any]], results: _Results) -> None:
    options, folders = run.settings.output_options(STAGE), []
    vocabulary = FolderContents(layout.VOCABULARY, VOCABULARY, None, options=options, inputs=inputs, sources=sources)
    folders.append(publish_manifest(run.storage, vocabulary, results.vocabulary))
    for language, of_language in results.mentions.items():
        own_sources = sources_of(language, sources)
        mentions = FolderContents(
            layout.MENTIONS, MENTIONS, language, options=options, inputs=inputs, sources=own_sources
        )
        folders.append(publish_manifest(run.storage, mentions, of_language))
    totals = language_totals(
        {code: [*counted, *results.mentions[code]] for code, counted in results.counted.items()}
        | {ALL_LANGUAGES: results.vocabulary}
    )
    with run.storage.open(layout.VOCABULARY_PARQUET) as stream:
        fingerprints = {"entities": EntityVocabulary.open(stream).fingerprint}
    run.finish(STAGE, inputs, {"languages": totals, "fingerprints": fingerprints}, folders, STEPS)


def main(arguments: Sequence[str]) -> int:
    """The command."""
    return run_command(
        "vocabulary",
        "One entity vocabulary over all languages, and a mention dictionary for each, from OUT/articles.",
        "  mlukit vocabulary --output OUT\n  mlukit vocabulary --output OUT --vocabulary-size 500000 --min-count 5",
        [(STAGE, make_vocabulary)],
        arguments,
    )
