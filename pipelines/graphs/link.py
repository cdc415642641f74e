"""The graph of the link stage: makes articles from dumps, with links and the Wikidata items of the links."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count, takewhile
from typing import Any, NamedTuple

import apache_beam as beam
from apache_beam.pvalue import AsDict

from mlukit.corpus.dumps.item_sources import ITEM_SOURCES
from mlukit.corpus.dumps.ranges import plan_ranges
from mlukit.corpus.dumps.table_shapes import ItemLines
from mlukit.engine.manifests import publish_manifest, shards_of, sources_of
from mlukit.engine.step_results import Results, StepResults, join
from mlukit.engine.steps import Once, Step, say_nothing, value_of
from mlukit.engine.storage import Storage
from mlukit.engine.task import Task
from mlukit.engine.workplace import Workplace
from mlukit.pipelines.damage import EarlyWarnings, files_to_check, find_damage
from mlukit.pipelines.settings import Settings, SettingsError
from mlukit.pipelines.sources import Sources, describe
from mlukit.pipelines.stage import Stage
from mlukit.schemas import layout
from mlukit.schemas.arrow import ARTICLES, FAILURES
from mlukit.schemas.layout import ALL_LANGUAGES
from mlukit.schemas.manifest import FolderContents
from mlukit.schemas.summaries import Checksum, ResolvedArticles
from mlukit.schemas.wording import counted
from mlukit.transforms.ask_wikidata import AskWikidata, TitlesToAskFor
from mlukit.transforms.build_title_index import OWN_TABLES, BuildTitleIndexes, WikiTitles
from mlukit.transforms.carry_items import CarryItems, IndexToCarryTo
from mlukit.transforms.checksum_files import ChecksumFiles, SourceFile
from mlukit.transforms.count_index_pages import CountIndexPages, IndexFile
from mlukit.transforms.gather_items import GatherLines, GatherTables, plan_gathering
from mlukit.transforms.parse_articles import ParseShards, RangeToParse
from mlukit.transforms.resolve_links import ParsedShard, ResolveShards

STAGE = Stage(
    "link",
    ("checksum", "page_index", "parse", "items", "item_lines", "index", "carry", "ask", "resolve"),
    leftovers=(layout.TITLE_INDEXES,),
)


class Linked(NamedTuple):
    """The outputs of the finished stage in a graph."""

    record: beam.PCollection  # one element, the record of the stage
    articles: beam.PCollection  # (language, StepResults) with the shards of articles


def inputs_of(sources: Sources) -> dict[str, Any]:
    """Identifies the inputs of the stage: languages, and names and sizes of files."""
    files = [[code, kind, file.name, file.size] for code, kind, file in sources.files()]
    return {"languages": sources.languages, "files": files}


class LinkArticles(beam.PTransform):
    """The link stage: makes articles from the dumps that the settings name."""

    def __init__(self, workplace: Workplace, settings: Settings, sources: Sources) -> None:
        super().__init__()
        self._workplace, self._settings, self._sources = workplace, settings, sources

    @beam.typehints.no_annotations  # type: ignore[untyped-decorator]  # Beam warns if a result is not a PCollection
    def expand(self, begin: beam.pvalue.PBegin) -> Linked:
        """Applies the transforms to the pipeline."""
        work, settings, plan = self._workplace, self._settings, LinkPlan(self._settings, self._sources)
        languages = tuple(self._sources.languages)

        def step(title: str, *needs: beam.pvalue.AsSideInput, **more: Any) -> beam.PCollection:
            return begin | Step("link", title, needs=needs, **more)

        checking, warn = [ChecksumFiles(work), CountIndexPages(work)], EarlyWarnings(self._sources)
        checked = step("check sources", plan=plan.check, transforms=checking, tell=warn)
        described = begin | Once(work, "compare sources", CheckSources(work.storage, self._sources), [AsDict(checked)])
        namespaces = {code: site.namespaces for code, site in self._sources.sites.items()}
        readers = [ParseShards(work, namespaces), GatherTables(work), GatherLines(work, settings.allow_damaged)]
        read = step("read dumps", value_of(described), plan=plan.read, transforms=readers)
        indexed = step("build title indexes", AsDict(read), plan=plan.index, transforms=[BuildTitleIndexes(work)])
        needs = [indexed]
        if len(languages) > 1:
            carry = [CarryItems(work, languages)]
            needs.append(step("carry items", AsDict(read), AsDict(indexed), plan=plan.carry, transforms=carry))
        if settings.wikidata_api:
            where = (settings.wikidata_endpoint, settings.wikidata_contact, settings.wikidata_cache)
            asking, before = [AskWikidata(work, languages, *where)], [AsDict(read), *map(AsDict, needs)]
            needs.append(step("ask Wikidata", *before, plan=plan.ask, transforms=asking, tell=_tell_answers))
        resolve = [ResolveShards(work, languages, settings.validation_share, settings.articles_format)]
        before = [AsDict(read), *map(AsDict, needs)]
        tell = say_nothing if settings.allow_unresolved else _tell_of_no_items
        resolved = step("resolve links", *before, plan=plan.resolve, transforms=resolve, tell=tell)
        all_of_it = [value_of(described), *map(AsDict, (checked, read, *needs, resolved))]
        record = begin | Once(work, "finish link", FinishLink(work, plan), all_of_it)
        return Linked(record, resolved)


@dataclass(frozen=True, slots=True)
class LinkPlan:
    """Plans the tasks of each step from the settings and the results of earlier steps."""

    settings: Settings
    sources: Sources

    def check(self) -> list[SourceFile | IndexFile]:
        """Plans the tasks that compute checksums and count pages in indexes, before the dumps are read."""
        return files_to_check(self.sources)

    def read(self, _: object) -> list[Task]:
        """Plans the tasks that read dumps and tables of items, in one step: a table is one long task."""
        ranges = {
            language: plan_ranges(language, self.sources.found.sets[language].files, self.settings.range_size)
            for language in self.sources.languages
        }
        parsing = [
            RangeToParse(language, part.shard, part.end - part.start, part)
            for language, parts in ranges.items()
            for part in parts
        ]
        shards = {language: sum(part.shards for part in parts) for language, parts in ranges.items()}
        size = self.settings.range_size
        return [*parsing, *plan_gathering(self.sources.files(), self.sources.languages, shards, size)]

    def index(self, read: Results) -> list[WikiTitles]:
        """Plans a title index for each language."""
        known = {shard.path for results in read.values() for shard in results.shards}
        return [self._titles(language, read[language], known) for language in self.sources.languages]

    def _titles(self, language: str, read: StepResults, known: set[str]) -> WikiTitles:
        """The task that builds the title index of a language; `known` has the paths of all written shards."""
        titles = read.holding("titles")
        wiki_tables = self.sources.found.sets[language].tables
        tables = tuple((name, wiki_tables[name]) for name in OWN_TABLES if name in wiki_tables)
        by_title, labels = [], list[str]()
        for source in ITEM_SOURCES:
            if paths := tuple(_numbered(layout.items, source.name, language, known)):
                by_title.append((source.name, paths))
            if isinstance(source, ItemLines) and source.labels:
                labels += _numbered(layout.item_labels, source.name, language, known)
        cost = sum(shard.bytes for shard in titles) + sum(file.size for _, file in tables)
        return WikiTitles(language, 0, cost, layout.paths(titles), tables, tuple(by_title), tuple(labels))

    def carry(self, read: Results, _: object) -> list[IndexToCarryTo]:
        """Plans a task for each title index, after all indexes are built."""
        return [IndexToCarryTo(task.language, 0, task.cost) for task in self.index(read)]

    def ask(self, read: Results, *_: object) -> list[TitlesToAskFor]:
        """Plans one task."""
        parsed = [layout.paths(read[language].holding("articles")) for language in self.sources.languages]
        return [TitlesToAskFor(ALL_LANGUAGES, 0, 1, tuple(path for paths in parsed for path in paths))]

    def resolve(self, read: Results, *_: object) -> list[ParsedShard]:
        """Plans a task for each shard of parsed articles, after the title indexes are complete."""
        return [
            ParsedShard(language, number, shard.bytes, shard.path)
            for language in self.sources.languages
            for number, shard in enumerate(read[language].holding("articles"))
        ]


def _numbered(path_of: Callable[[str, str, int], str], source: str, language: str, known: set[str]) -> Iterator[str]:
    """The files that the tasks of a source of items have written for a language, in order."""
    return takewhile(known.__contains__, (path_of(source, language, number) for number in count()))


@dataclass(frozen=True, slots=True)
class CheckSources:
    """Describes the source files for manifests, and compares them with the files of an earlier run."""

    storage: Storage
    sources: Sources

    def __call__(self, checked: Results) -> list[dict[str, object]]:
        """Returns the descriptions of the source files.

        Raises:
            SettingsError: a file has changed since an earlier run made shards from it.
        """
        files = self.sources.files()
        names = (SourceFile(code, number, 0, "").name for number, (code, _, _) in enumerate(files))
        sums = [checked[name.split("/")[1]].summary(name, Checksum).sha256 for name in names]
        described, record = describe(files, sums), layout.checked_sources()
        if not self.storage.exists(record):
            self.storage.write_json(record, described)
        for before, now in zip(self.storage.read_json(record), described, strict=True):
            if before != now:
                raise SettingsError(
                    f"{now['name']} has changed: its SHA-256 was {before['sha256']} when the work in "
                    f"{self.storage.root} began, now it is {now['sha256']}: restore the old file, or name another "
                    "--output"
                )
        return described


def _tell_answers(results: Results) -> Iterator[str]:
    counts = StepResults.sum(results.values()).counts
    yield f"ask Wikidata: {', '.join(f'{name} {n:,}' for name, n in sorted(counts.items()))}"


def _tell_of_no_items(resolved: Results) -> Iterator[str]:
    """Names languages in which no article got an item, probably because the sources belong to another wiki or date."""
    for language, results in sorted(resolved.items()):
        articles = results.total(ResolvedArticles)
        if articles.without_item and not articles.with_item:
            number = counted(articles.without_item, "article")
            yield f"{language}: {number}, but no source of items has an item for any of them"


@dataclass(frozen=True, slots=True)
class FinishLink:
    """Publishes the folders and the record of the stage, and returns the record."""

    workplace: Workplace
    plan: LinkPlan

    def __call__(self, described: Sequence[Mapping[str, Any]], checked: Results, *steps: Results) -> dict[str, Any]:
        """Writes the manifests and the record, from the descriptions of the sources and the results of all steps."""
        settings, results, storage = self.plan.settings, join(*steps), self.workplace.storage
        options, folders = settings.output_options(STAGE.name), []
        languages = [*self.plan.sources.languages, *([ALL_LANGUAGES] if ALL_LANGUAGES in results else [])]
        for language in languages:
            common: dict[str, Any] = {"options": options, "inputs": {}, "sources": sources_of(language, described)}
            if language != ALL_LANGUAGES:
                articles = FolderContents(layout.ARTICLES, ARTICLES, language, **common)
                folders.append(publish_manifest(storage, articles, results[language]))
            failures = FolderContents(layout.FAILURES, FAILURES, language, **common)
            folders.append(publish_manifest(storage, failures, results[language], STAGE.name))
        damaged = [file.to_json() for file in find_damage(self.plan.sources, checked, results)]
        totals = {code: results[code].to_json() for code in languages}
        summary = {"languages": totals, "sources": described, "damaged": damaged}
        return STAGE.finish(self.workplace, settings, inputs_of(self.plan.sources), summary, folders)


class ReadLinked(beam.PTransform):
    """The finished link stage, read from its record and its manifests."""

    def __init__(self, workplace: Workplace) -> None:
        super().__init__()
        self._workplace = workplace

    @beam.typehints.no_annotations  # type: ignore[untyped-decorator]
    def expand(self, begin: beam.pvalue.PBegin) -> Linked:
        """Applies the transforms to the pipeline."""
        storage = self._workplace.storage
        read = ReadRecord(storage, STAGE)
        record = begin | Once(self._workplace, "read link.json", read)
        articles = record | "read manifests" >> beam.FlatMap(_finished_articles, storage)
        return Linked(record, articles)


@dataclass(frozen=True, slots=True)
class ReadRecord:
    """Reads the record of a finished stage."""

    storage: Storage
    stage: Stage

    def __call__(self) -> dict[str, Any] | None:
        """Returns the record; None if the stage is not finished."""
        return self.stage.record(self.storage)


def _finished_articles(record: Mapping[str, Any], storage: Storage) -> Iterator[tuple[str, StepResults]]:
    """The shards of articles of each language, as if the step that wrote them had just ended."""
    for language in record["inputs"]["languages"]:
        shards = shards_of(storage, layout.folder(layout.ARTICLES, language))
        numbered = {f"resolve/{language}/{number:05}": files for number, files in enumerate(layout.by_number(shards))}
        yield language, StepResults(numbered)
