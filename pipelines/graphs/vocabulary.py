"""The vocabulary stage: one entity vocabulary over all languages, and a mention dictionary for each."""

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

STAGE = Stage("vocabulary", ("count", "merge", "mentions", "order"))


def inputs_of(linked: Mapping[str, Any]) -> dict[str, Any]:
    """What identifies the inputs of the stage: the record of the link stage."""
    return {"link": fingerprint(linked)}


def check(settings: Settings, languages: Sequence[str]) -> int:
    """In how many languages an entity must be linked to; SettingsError where none could come into the vocabulary."""
    options = VocabularyOptions(
        settings.vocabulary_size, settings.min_languages, settings.min_count, settings.mluke_exact
    )
    try:
        return options.languages_needed(languages)
    except VocabularyError as error:
        raise SettingsError(str(error)) from error


def resolved(settings: Settings, languages: Sequence[str]) -> Settings:
    """The settings, with the --min-languages that the number of languages gives where no flag gives it."""
    return replace(settings, min_languages=check(settings, languages))


def has_enough(settings: Settings, languages: Sequence[str], without_items: Sequence[str]) -> bool:
    """Whether the vocabulary can have entities, by the languages with a source of items, or may be empty.

    Args:
        languages: to build.
        without_items: the languages among them whose pages no source of items knows.
    """
    return settings.keep_without_entities or len(languages) - len(without_items) >= check(settings, languages)


def too_few_languages(settings: Settings, languages: Sequence[str], without_items: Sequence[str]) -> SettingsError:
    """The error where `has_enough` is false."""
    needed, known = check(settings, languages), [code for code in languages if code not in without_items]
    reason = f"the entity vocabulary would be empty: no source of items knows the pages of {', '.join(without_items)}"
    lower = ""
    if known:
        reason += f", and only {', '.join(known)} can have items where --min-languages is {needed}"
        lower = f"ask for --min-languages {len(known)}, "
    return SettingsError(
        f"{reason}. Give a source of items, or {lower}"
        "ask for examples without entities by --keep-without-entities, or make articles alone by mlukit link"
    )


def check_links(settings: Settings, root: str, linked: Mapping[str, Any]) -> None:
    """Refuses a vocabulary of articles whose links have no items.

    Raises:
        SettingsError: no link has an item, by the record of the link stage.
    """
    with_item = (
        Flow.from_json(linked["languages"][code]["flows"].get("links with item", Flow().to_json())).out
        for code in linked["inputs"]["languages"]
    )
    if not settings.keep_without_entities and not any(with_item):
        raise SettingsError(
            f"the entity vocabulary would be empty: no link in {root}/articles has an item. Make the articles with a "
            "source of items, or ask for examples without entities by --keep-without-entities"
        )


class MakeVocabulary(beam.PTransform):
    """The stage, from the articles of the link stage; gives its record.

    Args:
        languages: of the articles.
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
    """Begins the stage, which needs the record of the link stage."""

    storage: Storage
    settings: Settings

    def __call__(self, linked: Mapping[str, Any]) -> dict[str, Any]:
        """Gives what identifies the stage's inputs; SettingsError where the stage was begun with others."""
        inputs = inputs_of(linked)
        STAGE.begin(self.storage, self.settings, inputs)
        return inputs


@dataclass(frozen=True, slots=True)
class VocabularyPlan:
    """The tasks of each step, of the settings and of what earlier steps left."""

    settings: Settings
    languages: tuple[str, ...]

    @property
    def languages_needed(self) -> int:
        """In how many languages an entity must be linked to."""
        return check(self.settings, self.languages)

    def count(self, _: object, articles: Results) -> list[LinkedShard]:
        """A task for each range of the dumps."""
        parts = _parts(articles)
        return [
            LinkedShard(language, number, layout.total_bytes(files), layout.paths(files), parts)
            for language in self.languages
            for number, files in enumerate(ranges_of(articles[language].shards))
        ]

    def merge(self, articles: Results, counted: Results) -> list[EntityPart]:
        """A task for each hash part, over all languages."""
        parts = _parts(articles)
        cost = sum(layout.total_bytes(results.holding("entities")) for results in counted.values()) // parts
        return [EntityPart(ALL_LANGUAGES, part, cost) for part in range(parts)]

    def tell_entities(self, merged: Results) -> Iterator[str]:
        """Says how many entities the vocabulary keeps, and why it drops the others."""
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
        """The vocabulary out of its parts, and side by side a task for each part of each mention dictionary.

        Raises:
            SettingsError: no entity stays, and examples are to have entities.
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
    """The numbers that are not 0, with their reasons; the number of a single reason stands before it once."""
    reasons = {reason: number for reason, number in dropped.items() if number}
    if not reasons:
        return f"none dropped (--min-languages {needed})"
    if len(reasons) == 1:
        ((reason, number),) = reasons.items()
        return f"{number:,} dropped: {reason}"
    total = sum(reasons.values())
    return f"{total:,} dropped: {', '.join(f'{number:,} {reason}' for reason, number in reasons.items())}"


def _parts(articles: Results) -> int:
    """Into how many hash parts counts are cut: one to begin with, `PARTS` for a corpus of any size."""
    return parts_of(sum(len(ranges_of(results.shards)) for results in articles.values()))


def parts_of(shards: int) -> int:
    """As many as `shards` ranges of articles give."""
    return min(PARTS, max(1, shards // 4))


@dataclass(frozen=True, slots=True)
class FinishVocabulary:
    """Publishes the stage's folders and its record, and gives the record."""

    workplace: Workplace
    plan: VocabularyPlan

    def __call__(
        self, linked: Mapping[str, Any], counted: Results, merged: Results, ordered: Results
    ) -> dict[str, Any]:
        """Beam calls it with the record of the link stage, and with what all steps left."""
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
