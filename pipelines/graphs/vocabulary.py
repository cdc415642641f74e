"""The graph of the vocabulary stage: one entity vocabulary for all languages, and a mention dictionary for each."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import apache_beam as beam
from apache_beam.pvalue import AsDict

from mlukit.corpus.entities.count_links import PARTS
from mlukit.corpus.entities.vocabulary import (
    SPECIAL_ENTITIES,
    EntityVocabulary,
    VocabularyError,
    VocabularyOptions,
    check_candidates,
)
from mlukit.engine.manifests import publish_manifest, ranges_of, sources_of
from mlukit.engine.step_results import Results, StepResults, join
from mlukit.engine.steps import Once, Step, value_of
from mlukit.engine.storage import Storage
from mlukit.engine.task import Task
from mlukit.engine.workplace import Workplace
from mlukit.pipelines.graphs.link import Linked
from mlukit.pipelines.settings import Settings, SettingsError
from mlukit.pipelines.stage import Stage, fingerprint
from mlukit.schemas import layout
from mlukit.schemas.arrow import MENTIONS, VOCABULARY
from mlukit.schemas.layout import ALL_LANGUAGES
from mlukit.schemas.manifest import Flow, FolderContents
from mlukit.schemas.summaries import EntitySpread
from mlukit.transforms.count_links import CountLinks, LinkedShard
from mlukit.transforms.merge_counts import EntityPart, MentionPart, MergeEntities, MergeMentions
from mlukit.transforms.order_vocabulary import EntityParts, OrderVocabulary

STAGE = Stage(
    "vocabulary",
    ("count", "merge", "mentions", "order"),
    leftovers=(layout.stage_record("mentions"),),  # new mention dictionaries have no figures
    needs=("link",),
)


def inputs_of(linked: Mapping[str, Any]) -> dict[str, Any]:
    """Identifies the inputs of the stage: the record of the link stage."""
    return {"link": fingerprint(linked)}


def check(settings: Settings, languages: Sequence[str]) -> int:
    """Checks the options of the vocabulary.

    Returns:
        The number of languages that must link to an entity.

    Raises:
        SettingsError: no entity could get into the vocabulary.
    """
    options = VocabularyOptions(
        settings.vocabulary_size, settings.min_languages, settings.min_count, settings.mluke_exact
    )
    try:
        return options.languages_needed(languages)
    except VocabularyError as error:
        raise SettingsError(str(error)) from error


def resolved(settings: Settings, languages: Sequence[str]) -> Settings:
    """The settings with a value for --min-languages, which by default depends on the number of languages."""
    return replace(settings, min_languages=check(settings, languages))


def has_enough(settings: Settings, languages: Sequence[str], without_items: Sequence[str]) -> bool:
    """Whether enough languages have a source of items for the vocabulary to have entities, or it may be empty.

    Args:
        settings: the settings of the run.
        languages: the languages to build.
        without_items: those of the languages that have no source of items.
    """
    return settings.keep_without_entities or len(languages) - len(without_items) >= check(settings, languages)


def too_few_languages(settings: Settings, languages: Sequence[str], without_items: Sequence[str]) -> SettingsError:
    """The error for the case that `has_enough` is false."""
    needed, known = check(settings, languages), [code for code in languages if code not in without_items]
    reason = f"the entity vocabulary would be empty: no source of items has the pages of {', '.join(without_items)}"
    lower = ""
    if known:
        reason += f", and only {', '.join(known)} can have items, but --min-languages is {needed}"
        lower = f"use --min-languages {len(known)}, "
    return SettingsError(
        f"{reason}. Give a source of items, or {lower}"
        "make examples without entities (--keep-without-entities), or make only articles (mlukit link)"
    )


def check_links(settings: Settings, root: str, linked: Mapping[str, Any]) -> None:
    """Refuses to make a vocabulary from articles whose links have no items.

    Raises:
        SettingsError: no link has an item, according to the record of the link stage.
    """
    with_item = (
        Flow.from_json(linked["languages"][code]["flows"].get("links with item", Flow().to_json())).out
        for code in linked["inputs"]["languages"]
    )
    if not settings.keep_without_entities and not any(with_item):
        raise SettingsError(
            f"the entity vocabulary would be empty: no link in {root}/articles has an item. Make the articles with a "
            "source of items, or make examples without entities (--keep-without-entities)"
        )


def check_current(root: str, linked: Mapping[str, Any], vocabulary: Mapping[str, Any]) -> None:
    """Refuses a vocabulary that was made from other articles than the present ones.

    Args:
        root: the output folder, for the message.
        linked: the record of the link stage.
        vocabulary: the record of the vocabulary stage.

    Raises:
        SettingsError: the message says how to make the vocabulary again.
    """
    if vocabulary["inputs"]["link"] != fingerprint(linked):
        raise SettingsError(
            f"{root}: the articles have changed since the vocabulary was made: "
            "delete vocabulary/, mentions/ and vocabulary.json, then run mlukit vocabulary again"
        )


class MakeVocabulary(beam.PTransform):
    """The vocabulary stage: makes a vocabulary from articles, and emits the record of the stage.

    Args:
        workplace: where the tasks run.
        settings: the settings of the run.
        languages: the languages of the articles.
        linked: the finished link stage.
    """

    def __init__(self, workplace: Workplace, settings: Settings, languages: Sequence[str], linked: Linked) -> None:
        super().__init__()
        self._workplace, self._settings, self._languages, self._linked = workplace, settings, languages, linked

    def expand(self, begin: beam.pvalue.PBegin) -> beam.PCollection:
        """Applies the transforms to the pipeline."""
        work, settings, linked = self._workplace, self._settings, self._linked
        plan = VocabularyPlan(settings, tuple(self._languages))

        def step(title: str, *needs: beam.pvalue.AsSideInput, **more: Any) -> beam.PCollection:
            return begin | Step(STAGE.name, title, needs=needs, **more)

        begun = begin | Once(
            work, "begin vocabulary", BeginVocabulary(work.storage, settings), [value_of(linked.record)]
        )
        articles = AsDict(linked.articles)
        counting = CountLinks(work, frozenset(settings.kinds))
        counted = step("count links", value_of(begun), articles, plan=plan.count, transforms=[counting])
        merging = MergeEntities(work, plan.languages_needed, settings.min_count).after(counted)
        merged = step(
            "merge entities", articles, AsDict(counted), plan=plan.merge, transforms=[merging], tell=plan.tell_entities
        )
        ordering = OrderVocabulary(work, plan.languages, settings.vocabulary_size)
        ordered = step(
            "order entities, merge mentions",
            *(articles, AsDict(counted), AsDict(merged)),
            plan=plan.order,
            transforms=[ordering, MergeMentions(work).after(counted)],
        )
        finish, all_of_it = FinishVocabulary(work, plan), map(AsDict, (counted, merged, ordered))
        return begin | Once(work, "finish vocabulary", finish, [value_of(linked.record), *all_of_it])


@dataclass(frozen=True, slots=True)
class BeginVocabulary:
    """Begins the stage, when the record of the link stage is there."""

    storage: Storage
    settings: Settings

    def __call__(self, linked: Mapping[str, Any]) -> dict[str, Any]:
        """Returns the identity of the stage's inputs.

        Raises:
            SettingsError: the stage was begun with other inputs or options.
        """
        inputs = inputs_of(linked)
        STAGE.begin(self.storage, self.settings, inputs)
        return inputs


@dataclass(frozen=True, slots=True)
class VocabularyPlan:
    """Plans the tasks of each step from the settings and the results of earlier steps."""

    settings: Settings
    languages: tuple[str, ...]

    @property
    def languages_needed(self) -> int:
        """The number of languages that must link to an entity."""
        return check(self.settings, self.languages)

    def count(self, _: object, articles: Results) -> list[LinkedShard]:
        """Plans a task for each range of the dumps."""
        parts = _parts(articles)
        return [
            LinkedShard(language, number, layout.total_bytes(files), layout.paths(files), parts)
            for language in self.languages
            for number, files in enumerate(ranges_of(articles[language].shards))
        ]

    def merge(self, articles: Results, counted: Results) -> list[EntityPart]:
        """Plans a task for each hash partition, with all languages."""
        parts = _parts(articles)
        cost = sum(layout.total_bytes(results.holding("entities")) for results in counted.values()) // parts
        return [EntityPart(ALL_LANGUAGES, part, cost) for part in range(parts)]

    def tell_entities(self, merged: Results) -> Iterator[str]:
        """Tells the user how many entities the vocabulary keeps, and why it drops the others."""
        flow, spread = merged[ALL_LANGUAGES].flows["entities"], merged[ALL_LANGUAGES].total(EntitySpread).entities
        needed, languages, settings = self.languages_needed, len(self.languages), self.settings
        kept = min(flow.out, settings.vocabulary_size - len(SPECIAL_ENTITIES))
        few = sum(number for width, number in spread.items() if width < needed)
        dropped = {
            f"linked from fewer than {needed} of the {languages} languages (--min-languages {needed})": few,
            f"linked fewer than {settings.min_count:,} times (--min-count {settings.min_count})": flow.entered
            - flow.out
            - few,
            f"beyond the size of the vocabulary (--vocabulary-size {settings.vocabulary_size})": flow.out - kept,
        }
        yield f"vocabulary: {kept:,} entities kept, {_reasons(dropped, needed)}"

    def order(self, articles: Results, counted: Results, merged: Results) -> list[Task]:
        """Plans a task for the vocabulary, and a task for each hash partition of each mention dictionary.

        Raises:
            SettingsError: no entity is kept, but examples must have entities.
        """
        of_all, parts = merged[ALL_LANGUAGES], _parts(articles)
        if not self.settings.keep_without_entities:
            self._check_candidates(of_all)
        shards = of_all.shards
        return [
            EntityParts(ALL_LANGUAGES, 0, layout.total_bytes(shards), layout.paths(shards)),
            *(
                MentionPart(language, part, layout.total_bytes(counted[language].holding("mentions")) // parts)
                for language in self.languages
                for part in range(parts)
            ),
        ]

    def _check_candidates(self, of_all: StepResults) -> None:
        flow, spread = of_all.flows["entities"], of_all.total(EntitySpread).entities
        try:
            check_candidates(flow, spread, self.languages_needed, self.settings.min_count)
        except VocabularyError as error:
            raise SettingsError(f"{error}. --keep-without-entities makes examples without entities") from error


def _reasons(dropped: Mapping[str, int], needed: int) -> str:
    """Describes how many entities were dropped, by reason; leaves out reasons with the number 0."""
    reasons = {reason: number for reason, number in dropped.items() if number}
    if not reasons:
        return f"none dropped (--min-languages {needed})"
    if len(reasons) == 1:
        ((reason, number),) = reasons.items()
        return f"{number:,} dropped: {reason}"
    total = sum(reasons.values())
    return f"{total:,} dropped: {', '.join(f'{number:,} {reason}' for reason, number in reasons.items())}"


def _parts(articles: Results) -> int:
    """The number of hash partitions of the counts, see `parts_of`."""
    return parts_of(sum(len(ranges_of(results.shards)) for results in articles.values()))


def parts_of(shards: int) -> int:
    """The number of hash partitions for a number of shards: 1 for a small corpus, at most `PARTS`."""
    return min(PARTS, max(1, shards // 4))


@dataclass(frozen=True, slots=True)
class FinishVocabulary:
    """Publishes the folders and the record of the stage, and returns the record."""

    workplace: Workplace
    plan: VocabularyPlan

    def __call__(
        self, linked: Mapping[str, Any], counted: Results, merged: Results, ordered: Results
    ) -> dict[str, Any]:
        """Writes the manifests and the record, from the record of the link stage and the results of all steps.

        Writes nothing if the record exists, in a job that is restarted: the mentions stage may have replaced manifests.
        """
        if (finished := STAGE.record(self.workplace.storage)) is not None:
            return finished
        settings, results = self.plan.settings, join(counted, merged, ordered)
        options, inputs, folders = settings.output_options(STAGE.name), inputs_of(linked), []
        storage = self.workplace.storage
        common: dict[str, Any] = {"options": options, "inputs": inputs}
        vocabulary = FolderContents(layout.VOCABULARY, VOCABULARY, None, **common, sources=linked["sources"])
        folders.append(publish_manifest(storage, vocabulary, results[ALL_LANGUAGES]))
        for language in self.plan.languages:
            sources = sources_of(language, linked["sources"])
            mentions = FolderContents(layout.MENTIONS, MENTIONS, language, **common, sources=sources)
            folders.append(publish_manifest(storage, mentions, ordered[language]))
        with storage.open(layout.VOCABULARY_PARQUET) as stream:
            fingerprints = {"entities": EntityVocabulary.open(stream).fingerprint}
        languages = {code: results[code].to_json() for code in results}
        result = {"languages": languages, "fingerprints": fingerprints}
        return STAGE.finish(self.workplace, settings, inputs, result, folders)
