"""`mlukit link`: dumps become articles, text with its links and the Wikidata items that they denote."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from mlukit.corpus.dumps.files import FileInfo
from mlukit.corpus.dumps.item_sources import ITEM_SOURCES
from mlukit.corpus.dumps.ranges import DumpRange, plan_ranges
from mlukit.corpus.dumps.table_shapes import ItemLines
from mlukit.engine.errors import say
from mlukit.engine.manifests import publish_manifest, sources_of
from mlukit.pipelines.command import run_command
from mlukit.pipelines.report import ResultsByLanguage, by_language, language_totals
from mlukit.pipelines.run import Run
from mlukit.pipelines.settings import SettingsError
from mlukit.pipelines.sources import Sources, describe, find_sources
from mlukit.schemas import layout
from mlukit.schemas.arrow import ARTICLES, FAILURES
from mlukit.schemas.layout import ALL_LANGUAGES
from mlukit.schemas.manifest import FolderContents, TaskResult, summary_of, total_of
from mlukit.schemas.summaries import Checksum, ResolvedArticles
from mlukit.transforms.ask_wikidata import AskWikidata
from mlukit.transforms.build_title_index import OWN_TABLES, BuildTitleIndex
from mlukit.transforms.carry_items import CarryItems
from mlukit.transforms.checksum_files import ChecksumFile
from mlukit.transforms.gather_items import plan_gathering
from mlukit.transforms.parse_articles import ParseArticles
from mlukit.transforms.resolve_links import ResolveLinks

STAGE = "link"
STEPS = ("checksum", "parse", "items", "item_lines", "index", "carry", "ask", "resolve")


def link_articles(run: Run) -> None:
    """Does the stage on the dumps that the run's settings name."""
    sources = find_sources(run.settings)
    files = sources.files()
    inputs = {"languages": sources.languages, "files": [[code, kind, _name(f), f.size] for code, kind, f in files]}
    if not run.begin(STAGE, inputs, STEPS, leftovers=[layout.TITLE_INDEXES]):
        return
    described = _checksums(run, files)
    ranges = {
        language: plan_ranges(language, sources.found.sets[language].files, run.settings.range_size)
        for language in sources.languages
    }
    parsed, gathered, items = _read(run, sources, ranges)
    shards = {language: sum(part.shards for part in parts) for language, parts in ranges.items()}
    indexed = _index(run, sources, shards, items, _sizes(parsed))
    gathered += _ask(run, sources.languages, shards)
    resolved = _resolve(run, sources.languages, shards, _sizes(parsed))
    _warn_of_no_items(run, resolved)
    results = {code: [*parsed[code], *indexed[code], *resolved[code]] for code in sources.languages}
    _finish(run, inputs, described, results | ({ALL_LANGUAGES: gathered} if gathered else {}))


def _name(file: FileInfo) -> str:
    return file.path.rpartition("/")[2]


def _checksums(run: Run, files: Sequence[tuple[str, str, FileInfo]]) -> list[dict[str, object]]:
    """What manifests say of the sources; taken anew by each run, since a file may be replaced between two.

    Raises:
        SettingsError: a file is not the one that shards were made of by the run before.
    """
    run.remove_results(ChecksumFile.step)
    tasks = [ChecksumFile(language, number, file.size, file.path) for number, (language, _, file) in enumerate(files)]
    results = run.step("check sources", tasks)
    described = describe(files, [summary_of(result, Checksum).sha256 for result in results])
    record = layout.checked_sources()
    if not run.storage.exists(record):
        run.storage.write_json(record, described)
    for before, now in zip(run.storage.read_json(record), described, strict=True):
        if before != now:
            raise SettingsError(
                f"{now['name']} has changed: its SHA-256 was {before['sha256']} when work on it began in "
                f"{run.settings.output}, now it is {now['sha256']}: bring the same file back, or name another --output"
            )
    return described


_Items = Counter[tuple[str, str]]  # how many files of titles there are of each source and language


def _read(
    run: Run, sources: Sources, ranges: dict[str, list[DumpRange]]
) -> tuple[ResultsByLanguage, list[TaskResult], _Items]:
    """Reads dumps and tables of items side by side: a table is one long task, which nothing else should wait for."""
    parsing = [
        ParseArticles(
            language, part.shard, part.end - part.start, part, tuple(sources.sites[language].namespaces.items())
        )
        for language, of_language in ranges.items()
        for part in of_language
    ]
    shards = {language: sum(part.shards for part in of_language) for language, of_language in ranges.items()}
    gathering = plan_gathering(sources.files(), sources.languages, shards, run.settings.range_size)
    items = Counter((task.source, language) for task in gathering for language in task.languages)
    results = by_language([*parsing, *gathering], run.step("read dumps", [*parsing, *gathering]))
    gathered = results.pop(ALL_LANGUAGES, [])
    return results, gathered, items


def _sizes(results: ResultsByLanguage) -> dict[str, int]:
    """The bytes of each shard."""
    return {shard.path: shard.bytes for some in results.values() for result in some for shard in result.shards}


def _index(
    run: Run, sources: Sources, shards: dict[str, int], items: _Items, sizes: dict[str, int]
) -> ResultsByLanguage:
    languages = tuple(sources.languages)
    tasks = [_index_of(language, sources, shards[language], items, sizes) for language in languages]
    results = by_language(tasks, run.step("build title indexes", tasks))
    carrying = [CarryItems(task.language, 0, task.cost, languages) for task in tasks if len(tasks) > 1]
    for language, carried in by_language(carrying, run.step("carry items", carrying)).items():
        results[language] += carried
    return results


def _index_of(language: str, sources: Sources, shards: int, items: _Items, sizes: dict[str, int]) -> BuildTitleIndex:
    titles = tuple(layout.page_titles(language, shard) for shard in range(shards))
    wiki_tables = sources.found.sets[language].tables
    tables = tuple((name, wiki_tables[name]) for name in OWN_TABLES if name in wiki_tables)
    by_title, labels = [], list[str]()
    for source in ITEM_SOURCES:
        numbers = range(items[source.name, language])
        if numbers:
            by_title.append((source.name, tuple(layout.items(source.name, language, number) for number in numbers)))
        if isinstance(source, ItemLines) and source.labels:
            labels += (layout.item_labels(source.name, language, number) for number in numbers)
    cost = sum(sizes[path] for path in titles) + sum(file.size for _, file in tables)
    return BuildTitleIndex(language, 0, cost, titles, tables, tuple(by_title), tuple(labels))


def _ask(run: Run, languages: Sequence[str], shards: dict[str, int]) -> list[TaskResult]:
    settings = run.settings
    if not settings.wikidata_api:
        return []
    paths = tuple(
        layout.parsed_articles(language, number) for language in languages for number in range(shards[language])
    )
    asking = AskWikidata(
        language=ALL_LANGUAGES,
        number=0,
        cost=1,
        parsed=paths,
        languages=tuple(languages),
        endpoint=settings.wikidata_endpoint,
        contact=settings.wikidata_contact,
        cache=settings.wikidata_cache,
    )
    (result,) = run.step("ask Wikidata", [asking])
    say(f"ask Wikidata: {', '.join(f'{name} {n:,}' for name, n in sorted(result.counts.items()))}")
    return [result]


def _resolve(run: Run, languages: Sequence[str], shards: dict[str, int], sizes: dict[str, int]) -> ResultsByLanguage:
    tasks = [
        ResolveLinks(
            language=language,
            number=number,
            cost=sizes[layout.parsed_articles(language, number)],
            languages=tuple(languages),
            validation_share=run.settings.validation_share,
            formats=run.settings.articles_format,
        )
        for language in languages
        for number in range(shards[language])
    ]
    return by_language(tasks, run.step("resolve links", tasks))


def _warn_of_no_items(run: Run, resolved: ResultsByLanguage) -> None:
    """Says which languages' sources of items fit no article, as those of another wiki or date would."""
    for language, results in resolved.items():
        articles = total_of(results, ResolvedArticles)
        if articles.without_item and not articles.with_item and not run.settings.allow_unresolved:
            say(f"{language}: no source of items knows any of its {articles.without_item:,} articles")


def _finish(run: Run, inputs: dict[str, Any], described: list[dict[str, object]], results: ResultsByLanguage) -> None:
    options, folders = run.settings.output_options(STAGE), []
    for language, of_language in results.items():
        own_sources = sources_of(language, described)
        if language != ALL_LANGUAGES:
            articles = FolderContents(
                layout.ARTICLES, ARTICLES, language, options=options, inputs={}, sources=own_sources
            )
            folders.append(publish_manifest(run.storage, articles, of_language))
        failures = FolderContents(layout.FAILURES, FAILURES, language, options=options, inputs={}, sources=own_sources)
        folders.append(publish_manifest(run.storage, failures, of_language, STAGE))
    summary = {"languages": language_totals(results), "sources": described}
    run.finish(STAGE, inputs, summary, folders, STEPS)


def main(arguments: Sequence[str]) -> int:
    """The command."""
    return run_command(
        STAGE,
        "Articles with their links and items, from dumps of Wikipedia.",
        "  mlukit link --dumps DIR --output OUT --languages en,de,ja\n"
        "  mlukit link --dump en=enwiki.xml.bz2 --output OUT --allow-unresolved",
        [(STAGE, link_articles)],
        arguments,
    )
