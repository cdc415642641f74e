"""`mlukit audit`: how much markup is left in the text, and how links compare with the wikitext and with pagelinks."""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from apache_beam.io.filesystems import FileSystems

from mlukit.corpus.audit.link_audit import LinkTally
from mlukit.corpus.audit.residue_tally import ResidueTally
from mlukit.corpus.dumps.files import (
    AUDIT_TABLES,
    DumpError,
    DumpSet,
    FileInfo,
    FilePatterns,
    find_dumps,
    listing_globs,
)
from mlukit.corpus.dumps.ranges import DumpRange, plan_ranges
from mlukit.corpus.dumps.siteinfo import read_siteinfo
from mlukit.corpus.linking.hash_partitions import PARTS
from mlukit.engine.errors import say
from mlukit.engine.fork_server import SERVER
from mlukit.engine.manifests import ranges_of
from mlukit.engine.storage import Storage, open_file
from mlukit.engine.task import Task
from mlukit.pipelines.audit_report import print_links, print_residue
from mlukit.pipelines.command import PRELOADED, exit_status
from mlukit.pipelines.dataflow import check_dataflow
from mlukit.pipelines.option_values import nearest, words
from mlukit.pipelines.run import Run, fingerprint
from mlukit.pipelines.settings import Settings, SettingsError, check_beam_flags, read_config
from mlukit.schemas import layout
from mlukit.schemas.manifest import Shard
from mlukit.transforms.audit_links import (
    CollectWikitextLinks,
    CompareLinks,
    PartitionPageLinks,
)
from mlukit.transforms.audit_residue import AuditResidue
from mlukit.transforms.reread_pages import ArticleShards

STEPS = ("residue", "seen", "pagelinks", "compare")
_EXAMPLES = """  mlukit audit OUT                     remains of markup in OUT/articles
  mlukit audit OUT --dumps DIR         also: which of them the authors wrote so; links held against the dumps, and
                                       pagelinks and linktarget beside them
  mlukit audit OUT --languages en,nl --examples 12"""


@dataclass(frozen=True, slots=True)
class Compared:
    """What a language's links are held against."""

    ranges: tuple[DumpRange, ...]  # of the dump; none where it is not there
    namespaces: tuple[tuple[int, str], ...]  # of its head
    tables: Mapping[str, FileInfo]  # pagelinks, linktarget


def main(arguments: Sequence[str]) -> int:
    """The command."""
    return exit_status("audit", lambda: _run(arguments))


def _run(arguments: Sequence[str]) -> int:
    parser = _parser()
    asked, beam_flags = parser.parse_known_args(list(arguments))
    check_beam_flags(beam_flags, parser)
    SERVER.start(PRELOADED)
    audit(asked, beam_flags)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="mlukit audit",
        description="Tells how good OUT/articles is: remains of markup, and links that are missing or wrong.",
        epilog=f"examples:\n{_EXAMPLES}\n\nFlags of Apache Beam (--runner, --direct_num_workers, …) may follow.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("output", metavar="OUT", help="an output folder whose link stage is finished")
    parser.add_argument("--dumps", default="", metavar="DIR", help="folder of the dumps and tables that OUT is made of")
    parser.add_argument("--languages", type=words, default=(), metavar="CODES", help="default: all of OUT")
    parser.add_argument("--date", default="", metavar="DATE", help="the tables' date (default: that of OUT's dumps)")
    parser.add_argument(
        "--config", default="", metavar="FILE", help="as of mlukit build, for its [patterns] of file names"
    )
    parser.add_argument("--examples", type=int, default=3, metavar="N", help="shown of each class (default 3)")
    return parser


def audit(asked: argparse.Namespace, beam_flags: Sequence[str]) -> None:
    """Does the audit, writes OUT/audit/residue.json and links.json, and prints both.

    Raises:
        SettingsError: OUT has no finished articles, or none in a language asked for.
        DumpError: DIR has neither the dump nor the tables of a language.
    """
    settings = Settings(output=asked.output, dumps=asked.dumps, languages=asked.languages, date=asked.date)
    check_dataflow(settings, beam_flags)
    if not Storage(asked.output).exists(layout.stage_record("link")):
        raise SettingsError(f"{asked.output} has no finished link stage: name a folder that mlukit link wrote")
    run = Run(settings, beam_flags)
    linked = run.needed("link", "audit")
    languages = _languages(asked.languages, linked)
    patterns = FilePatterns.from_table(_patterns(asked.config))
    compared = {code: _find(settings, code, linked, patterns) for code in languages} if asked.dumps else {}
    _begin(run, {"link": fingerprint(linked), "languages": languages, "compared": repr(compared)})
    articles = {language: ranges_of(run.storage, layout.folder(layout.ARTICLES, language)) for language in languages}
    shards = {code: _shards(articles[code], compared.get(code)) for code in languages}
    residue = _residue(run, shards)
    run.storage.write_json(layout.AUDIT_RESIDUE, {code: tally.to_json() for code, tally in residue.items()})
    print_residue(residue, asked.examples)
    if compared:
        links = _links(run, shards, compared)
        run.storage.write_json(layout.AUDIT_LINKS, {code: tally.to_json() for code, tally in links.items()})
        print_links(links, asked.examples)
    _clean(run)


def _languages(asked: Sequence[str], linked: Mapping[str, Any]) -> list[str]:
    known: list[str] = sorted(linked["inputs"]["languages"])
    for code in asked:
        if code not in known:
            raise SettingsError(
                f"--languages: OUT has no articles in {code!r}{nearest(code, known)}: {', '.join(known)}"
            )
    return sorted(set(asked)) or known


def _patterns(config: str) -> Mapping[str, object]:
    table: Mapping[str, object] = read_config(config, _parser())["patterns"] if config else {}
    return table


def _begin(run: Run, plan: Mapping[str, Any]) -> None:
    """Goes on with a broken audit of the same kind; another one starts anew."""
    if not run.storage.exists(layout.AUDIT_PLAN) or run.storage.read_json(layout.AUDIT_PLAN) != plan:
        _clean(run)
        run.storage.write_json(layout.AUDIT_PLAN, plan)


def _clean(run: Run) -> None:
    for step in STEPS:
        run.remove_results(step)
        run.storage.delete(layout.step_files(step))
    run.storage.delete(layout.AUDIT_PLAN)


def _find(settings: Settings, language: str, linked: Mapping[str, Any], patterns: FilePatterns) -> Compared:
    """What DIR has of a language: the very dump that OUT was made of, and tables of its date."""
    root, date = settings.dumps.rstrip("/") + "/", settings.date or None
    globs = listing_globs(root, [language], patterns, None, AUDIT_TABLES)
    listing = [FileInfo(f.path, f.size_in_bytes) for matched in FileSystems.match(globs) for f in matched.metadata_list]
    used = [
        FileInfo(source["name"], source["bytes"])
        for source in linked["sources"]
        if source["language"] == language and source["kind"] == "dump"
    ]
    found = find_dumps(listing, [language], patterns, date, {language: used}, AUDIT_TABLES).sets[language]
    for warning in found.warnings:
        say(f"{language}: {warning}")
    dump = _same_dump(used, listing)
    if not dump and "pagelinks" not in found.tables:
        raise DumpError(
            f"{settings.dumps} has neither {', '.join(file.path for file in used)} nor pagelinks.sql of {language}: "
            "name the folder that OUT was made of, or leave --dumps out"
        )
    _say_what_is_missing(language, found, bool(dump))
    if not dump:
        return Compared((), (), found.tables)
    site = read_siteinfo(open_file, dump[0].path, dump[0].size)
    ranges = plan_ranges(language, dump, linked["options"]["range_size"])
    return Compared(tuple(ranges), tuple(site.namespaces.items()), found.tables)


def _same_dump(used: Sequence[FileInfo], listing: Sequence[FileInfo]) -> list[FileInfo]:
    """The files that OUT was made of, told by name and size; none where one is missing."""
    by_name = {(file.path.rpartition("/")[2], file.size): file for file in listing}
    found = [by_name.get((file.path, file.size)) for file in used]
    return [file for file in found if file is not None] if all(found) else []


def _say_what_is_missing(language: str, found: DumpSet, dump: bool) -> None:
    if not dump:
        say(f"{language}: the dump that OUT was made of is not there, so nobody knows which links the wikitext has")
    if "pagelinks" not in found.tables:
        say(f"{language}: no pagelinks.sql, so links are held against the wikitext alone")
    elif "linktarget" not in found.tables:
        say(f"{language}: no linktarget.sql, which names what pagelinks leads to: numbers alone are compared")


def _shards(articles: Sequence[Sequence[Shard]], compared: Compared | None) -> list[ArticleShards]:
    """The shards of a language: those of one range of its dump together."""
    if compared is None or not compared.ranges:
        return [
            ArticleShards(number, (layout.paths(files),), sum(shard.bytes for shard in files), None, ())
            for number, files in enumerate(articles)
        ]
    paths = [layout.paths(files) for files in articles]
    return [
        ArticleShards(
            part.shard,
            tuple(paths[part.shard : part.shard + part.shards]),
            part.end - part.start,
            part,
            compared.namespaces,
        )
        for part in compared.ranges
    ]


def _residue(run: Run, shards: Mapping[str, Sequence[ArticleShards]]) -> dict[str, ResidueTally]:
    tasks = [
        AuditResidue(language, some.first, some.size, some) for language, parts in shards.items() for some in parts
    ]
    run.step("look for markup", tasks)
    tallies = {language: ResidueTally() for language in shards}
    for task in tasks:
        tallies[task.language].add(ResidueTally.from_json(run.storage.read_json(task.path)))
    return tallies


def _links(
    run: Run, shards: Mapping[str, Sequence[ArticleShards]], compared: Mapping[str, Compared]
) -> dict[str, LinkTally]:
    numbers = {code: sum(len(some.files) for some in shards[code]) for code in compared}
    parts = {code: min(PARTS, max(1, numbers[code] // 4)) for code in compared}
    reading = [
        CollectWikitextLinks(code, some.first, some.size, some, parts[code])
        for code in compared
        for some in shards[code]
    ]
    run.step("read links", reading)
    partitioning = [
        PartitionPageLinks(code, 0, file.size, file, found.tables.get("linktarget"), parts[code])
        for code, found in compared.items()
        if (file := found.tables.get("pagelinks"))
    ]
    run.step("read pagelinks", partitioning)
    partitioned = {task.language for task in partitioning}
    comparing: list[Task] = []
    for language in compared:
        seen = tuple(layout.seen_links(language, shard) for shard in range(numbers[language]))
        table = layout.page_links(language) if language in partitioned else ""
        comparing += [CompareLinks(language, part, len(seen), seen, table) for part in range(parts[language])]
    run.step("compare links", comparing)
    tallies = {language: LinkTally() for language in compared}
    for task in comparing:
        assert isinstance(task, CompareLinks)
        tallies[task.language].add(LinkTally.from_json(run.storage.read_json(task.path)))
    return tallies
