"""`mlukit vocabulary`: one entity vocabulary over all languages, and a mention dictionary for each."""

from collections.abc import Mapping, Sequence
from typing import Any

from corpus.count_links import PARTS
from corpus.vocabulary import EntityVocabulary, VocabularyError, VocabularyOptions, check_candidates
from pipelines.folders import shards_of, sources_of, write_folder
from pipelines.report import language_totals
from pipelines.run import Run, fingerprint, say
from pipelines.settings import Settings, SettingsError
from pipelines.stages import run_command
from schemas.arrow import MENTIONS, VOCABULARY
from schemas.manifest import Receipt, Shard, total_counts, total_flows
from transforms.count_links import CountLinks
from transforms.do_units import ALL_LANGUAGES
from transforms.merge_counts import MergeEntities, MergeMentions
from transforms.order_vocabulary import VOCABULARY_PARQUET, OrderVocabulary

STAGE = "vocabulary"
PHASES = ("count", "merge", "mentions", "order")


def make_vocabulary(run: Run) -> None:
    """Does the stage on the articles of the run's output folder."""
    linked = run.needed("link", STAGE)
    inputs = {"link": fingerprint(linked)}
    if not run.begin(STAGE, inputs, PHASES):
        return
    languages = linked["inputs"]["languages"]
    needed = check(run.settings, languages)
    if run.settings.min_languages is None:
        say(f"vocabulary: entities linked to in at least {needed} of {len(languages)} languages (--min-languages)")
    articles = {language: shards_of(run.storage, f"articles/{language}") for language in languages}
    counting = _count(run, articles)
    counted = run.phase("count links", counting)
    merged = _merge(run, counting, counted, needed)
    parts, size = tuple(receipt.shards[0].path for receipt in merged), run.settings.vocabulary_size
    cost = sum(receipt.shards[0].bytes for receipt in merged)
    ordering = OrderVocabulary(ALL_LANGUAGES, 0, cost, parts, tuple(languages), size)
    merging = _mentions(counting, counted, languages)
    ordered, *merged_mentions = run.phase("order entities, merge mentions", [ordering, *merging])
    mentions = [(unit.language, receipt) for unit, receipt in zip(merging, merged_mentions, strict=True)]
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


def _count(run: Run, articles: Mapping[str, Sequence[Shard]]) -> list[CountLinks]:
    kinds = frozenset(run.settings.kinds)
    parts = parts_of(sum(map(len, articles.values())))
    return [
        CountLinks(language, number, shard.bytes, shard.path, kinds, parts)
        for language, shards in articles.items()
        for number, shard in enumerate(shards)
    ]


def _merge(run: Run, counting: Sequence[CountLinks], counted: Sequence[Receipt], needed: int) -> list[Receipt]:
    files = tuple((unit.language, unit.entities_path) for unit in counting)
    parts = counting[0].parts
    cost = sum(receipt.shards[0].bytes for receipt in counted) // parts
    units = [MergeEntities(ALL_LANGUAGES, part, cost, files, needed, run.settings.min_count) for part in range(parts)]
    receipts = run.phase("merge entities", units)
    flow = total_flows(receipts)["entities"]
    try:
        check_candidates(flow, total_counts(receipts), needed, run.settings.min_count)
    except VocabularyError as error:
        raise SettingsError(str(error)) from error
    return receipts


def _mentions(
    counting: Sequence[CountLinks], counted: Sequence[Receipt], languages: Sequence[str]
) -> list[MergeMentions]:
    units, parts = [], counting[0].parts
    for language in languages:
        written = [
            receipt.shards[1] for unit, receipt in zip(counting, counted, strict=True) if unit.language == language
        ]
        files = tuple((language, shard.path) for shard in written)
        cost = sum(shard.bytes for shard in written) // parts
        for part in range(parts):
            units.append(MergeMentions(language, part, cost, files, f"mentions/{language}/mentions-{part:05}.parquet"))
    return units


def _finish(
    run: Run,
    inputs: Mapping[str, Any],
    sources: Sequence[Mapping[str, Any]],
    articles: Mapping[str, Sequence[Shard]],
    counted: Sequence[tuple[CountLinks, Receipt]],
    merged: Sequence[Receipt],
    ordered: Sequence[Receipt],
    mentions: Sequence[tuple[str, Receipt]],
) -> None:
    options = run.settings.deciding(STAGE)
    totals: dict[str, Any] = {}
    for language in articles:
        receipts = [receipt for unit, receipt in counted if unit.language == language]
        dictionary = [receipt for of, receipt in mentions if of == language]
        totals |= language_totals({language: receipts})
        totals[language]["counts"] |= total_counts(dictionary)
        own = sources_of(language, sources)
        write_folder(
            run.storage, f"mentions/{language}", "mentions", MENTIONS, language, options, inputs, dictionary, own
        )
    whole = [*merged, *ordered]
    totals |= language_totals({ALL_LANGUAGES: whole})
    write_folder(run.storage, "vocabulary", "vocabulary", VOCABULARY, None, options, inputs, whole, sources)
    with run.storage.open(VOCABULARY_PARQUET) as stream:
        facts = {"entities": EntityVocabulary.open(stream).fingerprint}
    folders = ["vocabulary", *(f"mentions/{language}" for language in articles)]
    run.finish(STAGE, inputs, {"languages": totals, "facts": facts}, folders, PHASES)


def main(arguments: Sequence[str]) -> int:
    """The command."""
    return run_command(
        "vocabulary",
        "One entity vocabulary over all languages, and a mention dictionary for each, from OUT/articles.",
        "  mlukit vocabulary --output OUT\n  mlukit vocabulary --output OUT --vocabulary-size 500000 --min-count 5",
        [(STAGE, make_vocabulary)],
        arguments,
    )
