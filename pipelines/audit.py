"""`mlukit audit`: markup left in the text; links beside wikitext and pagelinks; two parsers beside each other."""

import argparse
from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import Any

from mlukit.corpus.audit.link_audit import LinkTally
from mlukit.corpus.audit.parser_tally import ParserTally
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
from mlukit.corpus.dumps.ranges import plan_ranges
from mlukit.corpus.languages.suggest_code import suggest_code
from mlukit.engine.command_parser import BEAM_FLAGS, CommandParser, at_least, with_default
from mlukit.engine.launch.pipeline_process import PipelineProcess
from mlukit.engine.launch.workers import complete_flags
from mlukit.engine.logs import warn
from mlukit.engine.manifests import ranges_of, shards_of
from mlukit.engine.storage import Storage, match_files
from mlukit.pipelines.command import exit_status
from mlukit.pipelines.dataflow import check_dataflow
from mlukit.pipelines.graphs import link
from mlukit.pipelines.graphs.audit import STEPS, AuditGraph, Compared
from mlukit.pipelines.option_values import plain_path, some_words
from mlukit.pipelines.reports.audit import print_links, print_parsers, print_residue
from mlukit.pipelines.run import Run
from mlukit.pipelines.settings import (
    INPUT,
    OUTPUT,
    RUNNING,
    WORKERS_HELP,
    Settings,
    SettingsError,
    add_output,
    check_beam_flags,
    output_and_words,
    read_config,
)
from mlukit.pipelines.sources import check_headers
from mlukit.pipelines.stage import fingerprint
from mlukit.schemas import layout

_EXAMPLES = """  mlukit audit OUT                     remains of markup in OUT/articles
  mlukit audit OUT --dumps DIR         also: which remains the authors wrote so; links compared with the dumps and
                                       with their tables pagelinks and linktarget
  mlukit audit OUT --dumps DIR --second-parser     also: how mwparserfromhell reads a sample of the pages
  mlukit audit OUT --languages en,nl --examples 12"""


def main(arguments: Sequence[str]) -> int:
    """Runs the command, and returns the exit status."""
    return exit_status("audit", lambda: _run(arguments))


def _run(arguments: Sequence[str]) -> int:
    flags = parser()
    asked, beam_flags = flags.parse_known_args(list(arguments))
    check_beam_flags(beam_flags, flags)
    asked.output, _ = output_and_words(asked, 0)
    beam_flags = complete_flags(beam_flags, asked.workers)
    with closing(PipelineProcess()) as process:
        audit(asked, beam_flags, process)
    return 0


def parser() -> CommandParser:
    """The parser of the command's flags."""
    description = "Reports how good OUT/articles is: remains of markup, and links that are missing or wrong."
    made = CommandParser("audit", "OUT [FLAGS]", description, _EXAMPLES, [BEAM_FLAGS])
    add_output(made, "Output folder of mlukit build, whose link stage is finished.")
    add = made.group(INPUT).add_argument
    add(
        "--dumps",
        default="",
        type=plain_path,
        metavar="DIR",
        help="Folder of the dumps and tables from which OUT was made. Without this flag, links are not compared.",
    )
    text = with_default("Codes of the languages to audit, such as en,nl.", "all languages of OUT")
    add("--languages", type=some_words, default=(), metavar="CODES", help=text)
    text = with_default("Date of the tables, such as 20260901.", "the date of the dumps of OUT")
    add("--date", default="", metavar="DATE", help=text)
    text = "Configuration file of mlukit build. Only its [patterns] of file names are used."
    add("--config", default="", metavar="FILE", help=text)
    text = "Number of examples to show for each class of remains and links."
    made.group(OUTPUT).add_argument("--examples", type=at_least(0), default=3, metavar="N", help=text)
    text = (
        "Also read a sample of the dumps' pages with mwparserfromhell, and report each class of difference from "
        "mlukit's parser. Needs --dumps."
    )
    add("--second-parser", action="store_true", help=text)
    text = "About how many pages of each language the second parser reads (default 500)."
    add("--sample-pages", type=at_least(1), default=500, metavar="N", help=text)
    text = "Accept a dump whose header names another wiki than the requested one."
    add("--foreign-header", action="store_true", help=text)
    made.group(RUNNING).add_argument("--workers", type=at_least(1), default=0, metavar="N", help=WORKERS_HELP)
    return made


def audit(asked: argparse.Namespace, beam_flags: Sequence[str], process: PipelineProcess) -> None:
    """Runs the audit, writes OUT/audit/residue.json, links.json and parsers.json, and prints them.

    Args:
        asked: the values of the command's flags.
        beam_flags: the flags for Beam.
        process: the process in which Beam runs.

    Raises:
        SettingsError: OUT has no finished articles, or no articles in a requested language; or a second parser has no
            dumps to read.
        DumpError: DIR has neither the dump nor the tables of a language.
    """
    settings = Settings(
        output=asked.output,
        dumps=asked.dumps,
        languages=asked.languages,
        date=asked.date,
        foreign_header=asked.foreign_header,
    )
    if asked.second_parser and not asked.dumps:
        raise SettingsError("--second-parser needs --dumps DIR, with the dumps from which OUT was made")
    check_dataflow(settings, beam_flags)
    storage = Storage(asked.output)
    if not storage.exists(layout.stage_record("link")):
        raise SettingsError(f"{asked.output} has no finished link stage: name a folder that mlukit link wrote")
    with closing(Run("audit", settings, beam_flags, process)) as run:
        linked = link.STAGE.needed(storage, "audit")
        run.take_folder()
        languages = _languages(asked.languages, linked, storage.root)
        patterns = FilePatterns.from_table(_patterns(asked.config))
        compared = {code: _find(settings, code, linked, patterns) for code in languages} if asked.dumps else {}
        shares = _sample_shares(storage, compared, asked.sample_pages) if asked.second_parser else {}
        plan = {"link": fingerprint(linked), "languages": languages, "compared": repr(compared), "shares": shares}
        _begin(storage, plan)
        run.run(AuditGraph(tuple(languages), compared, shares), _input_bytes(storage, compared))
        clean(storage)
    _print(storage, asked.examples, links=bool(compared), parsers=bool(shares))


def _print(storage: Storage, examples: int, *, links: bool, parsers: bool) -> None:
    """Prints the findings, which the pipeline has written."""
    residue = storage.read_json(layout.AUDIT_RESIDUE)
    print_residue({code: ResidueTally.from_json(tally) for code, tally in residue.items()}, examples)
    if links:
        found = storage.read_json(layout.AUDIT_LINKS)
        print_links({code: LinkTally.from_json(tally) for code, tally in found.items()}, examples)
    if parsers:
        found = storage.read_json(layout.AUDIT_PARSERS)
        print_parsers({code: ParserTally.from_json(tally) for code, tally in found.items()}, examples)


def _sample_shares(storage: Storage, compared: Mapping[str, Compared], pages: int) -> dict[str, float]:
    """The share of pages that makes a sample of about `pages` pages, for each language that has its dump."""
    for code in (code for code, one in compared.items() if not one.ranges):
        warn(f"{code}: the dump from which OUT was made is missing, so the second parser reads no page of it")
    folders = {code: layout.folder(layout.ARTICLES, code) for code, one in compared.items() if one.ranges}
    articles = {code: _rows(storage, folder) for code, folder in folders.items()}
    return {code: min(1.0, pages / max(number, 1)) for code, number in articles.items()}


def _rows(storage: Storage, folder: str) -> int:
    return sum(shard.rows for shards in ranges_of(shards_of(storage, folder)) for shard in shards)


def _input_bytes(storage: Storage, compared: Mapping[str, Compared]) -> int:
    ranges = (part.end - part.start for one in compared.values() for part in one.ranges)
    tables = (file.size for one in compared.values() for file in one.tables.values())
    return sum(ranges) + sum(tables) + sum(storage.sizes(layout.ARTICLES).values())


def _languages(asked: Sequence[str], linked: Mapping[str, Any], output: str) -> list[str]:
    known: list[str] = sorted(linked["inputs"]["languages"])
    for code in asked:
        if code not in known:
            meant = suggest_code(code, frozenset(known))
            hint = f"; did you mean {meant!r}?" if meant else f"; accepted: {', '.join(known)}"
            raise SettingsError(f"--languages: {output} has no articles in {code!r}{hint}")
    return sorted(set(asked)) or known


def _patterns(config: str) -> Mapping[str, object]:
    table: Mapping[str, object] = read_config(config, parser())["patterns"] if config else {}
    return table


def _begin(storage: Storage, plan: Mapping[str, Any]) -> None:
    """Continues an interrupted audit with the same plan; otherwise removes what an interrupted audit left."""
    if not storage.exists(layout.AUDIT_PLAN) or storage.read_json(layout.AUDIT_PLAN) != plan:
        clean(storage)
        storage.write_json(layout.AUDIT_PLAN, plan)


def clean(storage: Storage) -> None:
    """Removes files that are needed only during an audit."""
    for step in STEPS:
        storage.delete(layout.step_results(step))
        storage.delete(layout.step_files(step))
    storage.delete(layout.AUDIT_PLAN)


def _find(settings: Settings, language: str, linked: Mapping[str, Any], patterns: FilePatterns) -> Compared:
    """Finds in DIR the dump from which the articles of a language were made, and the tables of the same date.

    Raises:
        DumpError: DIR has neither of them.
    """
    root, date = settings.dumps.rstrip("/") + "/", settings.date or None
    globs = listing_globs(root, [language], patterns, None, AUDIT_TABLES)
    listing = [FileInfo(file.path, file.size_in_bytes) for file in match_files(globs)]
    used = [
        FileInfo(source["name"], source["bytes"])
        for source in linked["sources"]
        if source["language"] == language and source["kind"] == "dump"
    ]
    found = find_dumps(listing, [language], patterns, date, {language: used}, AUDIT_TABLES).sets[language]
    for warning in found.warnings:
        warn(f"{language}: {warning}")
    dump = _same_dump(used, listing)
    if not dump and "pagelinks" not in found.tables:
        raise DumpError(
            f"{settings.dumps} has neither {', '.join(file.path for file in used)} nor pagelinks.sql of {language}: "
            "name the folder of the dumps from which OUT was made, or omit --dumps"
        )
    _say_what_is_missing(language, found, bool(dump))
    if not dump:
        return Compared((), {}, found.tables)
    site = check_headers(language, dump, settings.foreign_header)
    ranges = plan_ranges(language, dump, linked["options"]["range_size"])
    return Compared(tuple(ranges), site.namespaces, found.tables)


def _same_dump(used: Sequence[FileInfo], listing: Sequence[FileInfo]) -> list[FileInfo]:
    """The files from which OUT was made, recognised by name and size; an empty list if a file is missing."""
    by_name = {(file.path.rpartition("/")[2], file.size): file for file in listing}
    found = [by_name.get((file.path, file.size)) for file in used]
    return [file for file in found if file is not None] if all(found) else []


def _say_what_is_missing(language: str, found: DumpSet, dump: bool) -> None:
    """Warns about files without which the comparison of links is less exact."""
    if not dump:
        warn(f"{language}: the dump from which OUT was made is missing, so links are not compared with the wikitext")
    if "pagelinks" not in found.tables:
        warn(f"{language}: pagelinks.sql is missing, so links are compared only with the wikitext")
    elif "linktarget" not in found.tables:
        warn(f"{language}: linktarget.sql, which names the targets of links, is missing: only numbers are compared")
