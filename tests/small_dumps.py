"""Dumps, SQL tables and tokenizers small enough to tell by hand what must come of them, and mlukit run on them."""

import bz2
import contextlib
import gzip
import hashlib
import io
import json
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import pyarrow.parquet as pq

from mlukit.command_line import main
from mlukit.schemas import layout

IN_MEMORY = "--direct_running_mode=in_memory"
DATE = "20260901"
TABLES = {
    "page_props": "`pp_page` int(10) unsigned NOT NULL,\n  `pp_propname` varbinary(60) NOT NULL,\n"
    "  `pp_value` blob NOT NULL,\n  `pp_sortkey` float DEFAULT NULL,\n  PRIMARY KEY (`pp_page`,`pp_propname`)",
    "langlinks": "`ll_from` int(10) unsigned NOT NULL DEFAULT 0,\n  `ll_lang` varbinary(35) NOT NULL DEFAULT '',\n"
    "  `ll_title` varbinary(255) NOT NULL DEFAULT '',\n  PRIMARY KEY (`ll_from`,`ll_lang`)",
    "redirect": "`rd_from` int(10) unsigned NOT NULL DEFAULT 0,\n  `rd_namespace` int(11) NOT NULL DEFAULT 0,\n"
    "  `rd_title` varbinary(255) NOT NULL DEFAULT '',\n  `rd_interwiki` varbinary(32) DEFAULT NULL,\n"
    "  `rd_fragment` varbinary(255) DEFAULT NULL,\n  PRIMARY KEY (`rd_from`)",
    "wb_items_per_site": "`ips_row_id` bigint(20) unsigned NOT NULL,\n  `ips_item_id` int(10) unsigned NOT NULL,\n"
    "  `ips_site_id` varbinary(32) NOT NULL,\n  `ips_site_page` varbinary(310) NOT NULL,\n"
    "  PRIMARY KEY (`ips_row_id`)",
}


@dataclass(frozen=True)
class SmallPage:
    """A page of a dump to be written; `raw` is XML that stands in place of the whole page element."""

    page_id: int
    title: str
    text: str = ""
    namespace: int = 0
    redirect: str | None = None
    raw: str = ""
    revision_id: int | None = None  # if None, 1000 more than the page's

    def xml(self) -> str:
        if self.raw:
            return self.raw
        revision_id = self.page_id + 1000 if self.revision_id is None else self.revision_id
        redirect = "" if self.redirect is None else f"<redirect title={quoteattr(self.redirect)} />"
        return (
            f"  <page>\n    <title>{escape(self.title)}</title>\n    <ns>{self.namespace}</ns>\n"
            f"    <id>{self.page_id}</id>\n    {redirect}\n    <revision>\n      <id>{revision_id}</id>\n"
            "      <model>wikitext</model>\n      <format>text/x-wiki</format>\n"
            f'      <text xml:space="preserve">{escape(self.text)}</text>\n    </revision>\n  </page>\n'
        )


def head(language: str, version: str = "0.11") -> str:
    """A dump's XML before its pages."""
    return (
        f'<mediawiki xmlns="http://www.mediawiki.org/xml/export-{version}/" version="{version}" '
        f'xml:lang="{language}">\n  <siteinfo>\n    <dbname>{language}wiki</dbname>\n    <namespaces>\n'
        '      <namespace key="0" case="first-letter" />\n'
        '      <namespace key="10" case="first-letter">Template</namespace>\n    </namespaces>\n  </siteinfo>\n'
    )


def dump_xml(language: str, pages: Iterable[SmallPage], version: str = "0.11") -> str:
    """A dump's XML."""
    return head(language, version) + "".join(page.xml() for page in pages) + "</mediawiki>\n"


def write_dump(folder: Path, language: str, pages: Iterable[SmallPage], version: str = "0.11") -> Path:
    """Writes `{language}wiki-20260901-pages-articles.xml.bz2`."""
    path = folder / f"{language}wiki-{DATE}-pages-articles.xml.bz2"
    path.write_bytes(bz2.compress(dump_xml(language, pages, version).encode()))
    return path


def sql(table: str, rows: Iterable[tuple[object, ...]]) -> str:
    """A table as mysqldump writes it, all rows in one INSERT."""
    values = ",".join(f"({','.join(map(_sql_value, row))})" for row in rows)
    insert = f"INSERT INTO `{table}` VALUES {values};\n" if values else ""
    return (
        f"-- MariaDB dump\nCREATE TABLE `{table}` (\n  {TABLES[table]}\n) ENGINE=InnoDB;\n{insert}-- Dump completed\n"
    )


def _sql_value(value: object) -> str:
    if value is None or isinstance(value, int):
        return "NULL" if value is None else str(value)
    text = str(value).replace("\\", "\\\\").replace("'", "\\'")
    return f"'{text}'"


def write_table(folder: Path, wiki: str, table: str, rows: Iterable[tuple[object, ...]]) -> Path:
    """Writes `{wiki}-20260901-{table}.sql.gz`."""
    path = folder / f"{wiki}-{DATE}-{table}.sql.gz"
    path.write_bytes(gzip.compress(sql(table, rows).encode(), mtime=0))
    return path


def write_items(folder: Path, language: str, items: dict[int, int], disambiguations: Sequence[int] = ()) -> Path:
    """Writes page_props: the items of pages, by page id."""
    rows = [(page, "wikibase_item", f"Q{qid}", None) for page, qid in items.items()]
    return write_table(
        folder,
        f"{language}wiki",
        "page_props",
        [*rows, *((page, "disambiguation", "", None) for page in disambiguations)],
    )


def sentencepiece_model(pieces: Iterable[str]) -> bytes:
    """A unigram model in XLM-R's layout of just these pieces, longer ones preferred; whitespace is `▁`, one before all.

    sentencepiece_model.proto: ModelProto.pieces = 1; SentencePiece.piece = 1, .score = 2, .type = 3.
    """
    rows = [("<unk>", 0.0, 2), ("<s>", 0.0, 3), ("</s>", 0.0, 3), *((piece, -1.0, 1) for piece in pieces)]
    messages = []
    for piece, score, kind in rows:
        text = piece.encode()
        body = bytes([0x0A, len(text)]) + text + b"\x15" + struct.pack("<f", score) + bytes([0x18, kind])
        messages.append(bytes([0x0A, len(body)]) + body)
    return b"".join(messages)


@dataclass(frozen=True)
class Ran:
    """How a command ended and what it said."""

    status: int
    out: str
    err: str


def run(*arguments: object) -> Ran:
    """Runs a command of mlukit in this process."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            status = main([str(argument) for argument in arguments])
        except SystemExit as exit_:
            status = exit_.code if isinstance(exit_.code, int) else 1
    return Ran(status, out.getvalue(), err.getvalue())


def complaint(ran: Ran) -> str:
    """What a command that was refused said: one line, its name before it; nothing else is said on the way."""
    assert ran.status in (1, 2), ran
    assert ran.out == ""
    assert ran.err.endswith("\n") and ran.err.count("\n") == 1, ran.err
    return ran.err.rstrip("\n")


def rows(*paths: Path) -> list[dict[str, Any]]:
    """The rows of Parquet files."""
    return [row for path in paths for row in pq.read_table(path).to_pylist()]


def rows_in_order(folder: Path) -> list[dict[str, Any]]:
    """The rows of a folder of articles or examples as the dump has its pages, which are in the order of their ids."""
    found = []
    for files in layout.by_number(path.relative_to(folder).as_posix() for path in shards(folder)):
        of_range = []
        for name in files:
            some = rows(folder / name)
            assert {row["split"] for row in some} <= {layout.split_of(name)}, name
            assert some == sorted(some, key=_place), name
            of_range += some
        found += sorted(of_range, key=_place)
    return found


def _place(row: dict[str, Any]) -> tuple[int, int]:
    return row["page_id"], row.get("index", 0)


def shards(folder: Path) -> list[Path]:
    """The Parquet shards of a folder, in order."""
    return sorted(folder.glob("*.parquet"))


def load(path: Path) -> Any:
    """The value of a JSON file."""
    return json.loads(path.read_text(encoding="utf-8"))


def checksums(output: Path) -> dict[str, str]:
    """SHA-256 of each file of an output folder that two equal runs have in common."""
    files = [path for path in sorted(output.rglob("*")) if path.is_file() and path.name != "run.json"]
    return {path.relative_to(output).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def assert_all_accounted(output: Path) -> None:
    """In = out + failed + skipped for all that each finished stage says of each language."""
    for stage in ("link", "vocabulary", "examples"):
        for language, totals in load(output / f"{stage}.json")["languages"].items():
            for what, flow in totals["flows"].items():
                left = flow["out"] + sum(flow["failed"].values()) + sum(flow["skipped"].values())
                assert flow["in"] == left, (stage, language, what, flow)
