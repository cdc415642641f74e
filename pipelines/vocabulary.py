"""`mlukit vocabulary`: one entity vocabulary over all languages, and a mention dictionary for each."""

from collections.abc import Mapping, Sequence
from typing import Any

from mlukit.corpus.entities.count_links import PARTS
from mlukit.corpus.entities.vocabulary import EntityVocabulary, VocabularyError, VocabularyOptions, check_candidates
from mlukit.engine.manifests import publish_manifest, ranges_of, sources_of
from mlukit.pipelines.command import run_command
from mlukit.pipelines.report import language_totals
from mlukit.pipelines.run import Run, fingerprint, say
from mlukit.pipelines.settings import Settings, SettingsError
from mlukit.schemas import layout
from mlukit.schemas.arrow import MENTIONS, VOCABULARY
from mlukit.schemas.layout import ALL_LANGUAGES
from mlukit.schemas.manifest import Shard, TaskResult, total_counts, total_flows
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
    counted = run.step("count links", counting)
    merged = _merge(run, counting, counted, needed)
    parts, size = tuple(result.shards[0].path for result in merged), run.settings.vocabulary_size
    cost = sum(result.shards[0].bytes for result in merged)
    ordering = OrderVocabulary(ALL_LANGUAGES, 0, cost, parts, tuple(languages), size)
    merging = _mentions(counting, counted, languages)
    ordered, *merged_mentions = run.step("order entities, merge mentions", [ordering, *merging])
    mentions = [(task.language, result) for task, result in zip(merging, merged_mentions, strict=True)]
    sources = linked["sources"]
    _finish(run, inputs, sources, articles, list(zip(counting, counted, strict=True)), merged, [ordered], mentions)


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
        CountLinks(language, number, sum(shard.bytes for shard in files), layout.paths(files), kinds, parts)
        for language, ranges in articles.items()
        for number, files in enumerate(ranges)
    ]


def _merge(run: Run, counting: Sequence[CountLinks], counted: Sequence[TaskResult], needed: int) -> list[TaskResult]:
    files = tuple((task.language, task.entities_path) for task in counting)
    parts = counting[0].parts
    cost = sum(result.shards[0].bytes for result in counted) // parts
    tasks = [MergeEntities(ALL_LANGUAGES, part, cost, files, needed, run.settings.min_count) for part in range(parts)]
    results = run.step("merge entities", tasks)
    flow = total_flows(results)["entities"]
    try:
        check_candidates(flow, total_counts(results), needed, run.settings.min_count)
    except VocabularyError as error:
        raise SettingsError(str(error)) from error
    return results


def _mentions(
    counting: Sequence[CountLinks], counted: Sequence[TaskResult], languages: Sequence[str]
) -> list[MergeMentions]:
    tasks, parts = [], counting[0].parts
    for language in languages:
        written = [
            result.shards[1] for task, result in zip(counting, counted, strict=True) if task.language == language
        ]
        files = tuple((language, shard.path) for shard in written)
        cost = sum(shard.bytes for shard in written) // parts
        for part in range(parts):
            tasks.append(MergeMentions(language, part, cost, files, layout.mentions_shard(language, part)))
    return tasks


def _finish(
    run: Run,
    inputs: Mapping[str, Any],
    sources: Sequence[Mapping[str, Any]],
    articles: Mapping[str, Sequence[Sequence[Shard]]],
    counted: Sequence[tuple[CountLinks, TaskResult]],
    merged: Sequence[TaskResult],
    ordered: Sequence[TaskResult],
    mentions: Sequence[tuple[str, TaskResult]],
) -> None:
    options = run.settings.output_options(STAGE)
    totals: dict[str, Any] = {}
    for language in articles:
        results = [result for task, result in counted if task.language == language]
        dictionary = [result for of, result in mentions if of == language]
        totals |= language_totals({language: results})
        totals[language]["counts"] |= total_counts(dictionary)
        own = sources_of(language, sources)
        publish_manifest(
            run.storage,
            layout.folder(layout.MENTIONS, language),
            "mentions",
            MENTIONS,
            language,
            options,
            inputs,
            dictionary,
            own,
        )
    whole = [*merged, *ordered]
    totals |= language_totals({ALL_LANGUAGES: whole})
    publish_manifest(run.storage, "vocabulary", "vocabulary", VOCABULARY, None, options, inputs, whole, sources)
    with run.storage.open(layout.VOCABULARY_PARQUET) as stream:
        facts = {"entities": EntityVocabulary.open(stream).fingerprint}
    folders = ["vocabulary", *(layout.folder(layout.MENTIONS, language) for language in articles)]
    run.finish(STAGE, inputs, {"languages": totals, "facts": facts}, folders, STEPS)


def main(arguments: Sequence[str]) -> int:
    """The command."""
    return run_command(
        "vocabulary",
        "One entity vocabulary over all languages, and a mention dictionary for each, from OUT/articles.",
        "  mlukit vocabulary --output OUT\n  mlukit vocabulary --output OUT --vocabulary-size 500000 --min-count 5",
        [(STAGE, make_vocabulary)],
        arguments,
    )
