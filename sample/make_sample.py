"""Makes the sample's dumps and tables in `sample/dumps/` from the texts in `sample/pages/` and `sample/sitelinks.tsv`.

    python sample/make_sample.py [FOLDER]

Each `pages/{language}.wiki` has the pages of one Wikipedia, each below a line `%%%% Title` or `%%%% Title | mark`; the
marks are in PAGE_MARKS. `sitelinks.tsv` has a row for each Wikidata item: its QID, and its title in each language. The
files are equal on every run. They have the forms of real dumps: multistream with an index, one bzip2 stream, parts,
gzip, plain; tables with one INSERT for all rows, and tables with one row on each line.
"""

import bz2
import csv
import gzip
import hashlib
import io
import json
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

HERE = Path(__file__).resolve().parent
LANGUAGE_TABLES = HERE.parent / "corpus" / "languages"
DATE = "20260901"
LANGUAGES = ("en", "de", "es", "ru", "ar", "hi", "ja", "zh", "th", "ko")
PAGE_PROPS = {"en", "de", "es", "ru", "ar", "ja", "zh"}  # hi has its items only from wb_items_per_site
CARRIED = {"th", "ko"}  # not in wb_items_per_site: items come from langlinks.sql, and from [[en:X]] in the text
PAGES_IN_STREAM = 10
PAGE_MARKS = {
    "disambiguation": "page_props says that the page is a disambiguation page",
    "deleted": "the dump does not have the page's text",
    "malformed": "the page's text is not escaped in the XML",
}

PAGE_PROPS_COLUMNS = """
  `pp_page` int(11) unsigned NOT NULL,
  `pp_propname` varbinary(60) NOT NULL,
  `pp_value` blob NOT NULL,
  `pp_sortkey` float DEFAULT NULL,
  PRIMARY KEY (`pp_page`,`pp_propname`),
  UNIQUE KEY `pp_propname_page` (`pp_propname`,`pp_page`),
  UNIQUE KEY `pp_propname_sortkey_page` (`pp_propname`,`pp_sortkey`,`pp_page`)
"""
OLD_PAGE_PROPS_COLUMNS = """
  `pp_page` int(11) NOT NULL,
  `pp_propname` varbinary(60) NOT NULL,
  `pp_value` blob NOT NULL,
  UNIQUE KEY `pp_page_propname` (`pp_page`,`pp_propname`),
  UNIQUE KEY `pp_propname_page` (`pp_propname`,`pp_page`)
"""
LANGLINKS_COLUMNS = """
  `ll_from` int(8) unsigned NOT NULL DEFAULT 0,
  `ll_lang` varbinary(35) NOT NULL DEFAULT '',
  `ll_title` varbinary(255) NOT NULL DEFAULT '',
  PRIMARY KEY (`ll_from`,`ll_lang`),
  KEY `ll_lang` (`ll_lang`,`ll_title`)
"""
WB_ITEMS_COLUMNS = """
  `ips_row_id` bigint(20) unsigned NOT NULL AUTO_INCREMENT,
  `ips_item_id` int(10) unsigned NOT NULL,
  `ips_site_id` varbinary(32) NOT NULL,
  `ips_site_page` varbinary(310) NOT NULL,
  PRIMARY KEY (`ips_row_id`),
  UNIQUE KEY `wb_ips_item_site_page` (`ips_site_id`,`ips_site_page`),
  KEY `wb_ips_item_id` (`ips_item_id`)
"""


@dataclass(frozen=True, slots=True)
class SourcePage:
    """A page of `pages/`, with the ids that it gets."""

    page_id: int
    revision_id: int
    namespace: int
    title: str
    mark: str  # one of PAGE_MARKS or ""
    redirect: str | None
    text: str


@dataclass(frozen=True, slots=True)
class Wiki:
    """A language's Wikipedia: the namespaces of its table in `corpus/languages/`, and its pages."""

    language: str
    namespaces: dict[int, str]
    pages: tuple[SourcePage, ...]


def read_wiki(language: str) -> Wiki:
    """The pages of a language, in the order of their ids.

    Raises:
        ValueError: a mark is not in PAGE_MARKS, or two pages have the same title.
    """
    table = json.loads((LANGUAGE_TABLES / f"{language}.json").read_text(encoding="utf-8"))
    namespaces = {0: ""} | {int(number): row["name"] for number, row in table["namespaces"].items()}
    numbers = {name: number for number, name in namespaces.items()}
    words = "|".join(map(re.escape, table["redirect_words"]))
    redirect = re.compile(rf"\s*(?:{words})\s*:?\s*\[\[([^\]|#]+)", re.IGNORECASE)
    source = (HERE / "pages" / f"{language}.wiki").read_text(encoding="utf-8")
    pages = []
    for number, (header, text) in enumerate(_cut(source)):
        title, _, mark = header.partition(" | ")
        if mark and mark not in PAGE_MARKS:
            raise ValueError(f"{language}: {title}: unknown mark {mark!r}; accepted: {', '.join(PAGE_MARKS)}")
        prefix, colon, _ = title.partition(":")
        page_id = 1000 * LANGUAGES.index(language) + 7 * number + 12
        target = redirect.match(text)
        pages.append(
            SourcePage(
                page_id,
                100_000_000 + 31 * page_id,
                numbers.get(prefix, 0) if colon else 0,
                title,
                mark,
                _canonical(target[1]) if target else None,
                text,
            )
        )
    if len({page.title for page in pages}) < len(pages):
        raise ValueError(f"{language}: two pages have the same title")
    return Wiki(language, dict(sorted(namespaces.items())), tuple(pages))


def _cut(source: str) -> Iterator[tuple[str, str]]:
    for piece in re.split(r"^%%%% ", source, flags=re.MULTILINE)[1:]:
        header, _, text = piece.partition("\n")
        yield header.strip(), text.strip()


def _canonical(target: str) -> str:
    """A redirect's target as MediaWiki writes it into <redirect title="…"/>."""
    title = " ".join(target.replace("_", " ").split())
    return title[:1].upper() + title[1:]


def read_sitelinks() -> dict[int, dict[str, str]]:
    """The titles of each item, {number of an item: {language: title}}, in the order of numbers."""
    with (HERE / "sitelinks.tsv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    items = {
        int(row.pop("item").removeprefix("Q")): {code: title for code, title in row.items() if title} for row in rows
    }
    if len(items) < len(rows):
        raise ValueError("sitelinks.tsv: two rows have the same item")
    return dict(sorted(items.items()))


# XML: https://www.mediawiki.org/xml/export-0.11.xsd


def xml_head(wiki: Wiki) -> str:
    """The XML before the first page."""
    namespaces = "\n".join(
        f'      <namespace key="{number}" case="first-letter"' + (f">{escape(name)}</namespace>" if name else " />")
        for number, name in wiki.namespaces.items()
    )
    return f"""<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.11/" \
xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" \
xsi:schemaLocation="http://www.mediawiki.org/xml/export-0.11/ http://www.mediawiki.org/xml/export-0.11.xsd" \
version="0.11" xml:lang="{wiki.language}">
  <siteinfo>
    <sitename>{escape(wiki.namespaces[4])}</sitename>
    <dbname>{wiki.language}wiki</dbname>
    <base>https://{wiki.language}.wikipedia.org/wiki/</base>
    <generator>mlukit sample</generator>
    <case>first-letter</case>
    <namespaces>
{namespaces}
    </namespaces>
  </siteinfo>
"""


def xml_page(page: SourcePage) -> str:
    """A page's element."""
    redirect = f"    <redirect title={quoteattr(page.redirect)} />\n" if page.redirect else ""
    return f"""  <page>
    <title>{escape(page.title)}</title>
    <ns>{page.namespace}</ns>
    <id>{page.page_id}</id>
{redirect}    <revision>
      <id>{page.revision_id}</id>
      <timestamp>2026-08-{page.page_id % 28 + 1:02}T12:00:00Z</timestamp>
      <contributor>
        <username>Sample writer</username>
        <id>1</id>
      </contributor>
      <origin>{page.revision_id}</origin>
      <model>wikitext</model>
      <format>text/x-wiki</format>
      {_xml_text(page)}
    </revision>
  </page>
"""


def _xml_text(page: SourcePage) -> str:
    size = len(page.text.encode())
    if page.mark == "deleted":
        return f'<text bytes="{size}" deleted="deleted" />'
    digest = _base36(int.from_bytes(hashlib.sha1(page.text.encode()).digest(), "big"))
    if not page.text:
        return f'<text bytes="0" sha1="{digest}" />'
    text = page.text if page.mark == "malformed" else escape(page.text, {'"': "&quot;"})
    return f'<text bytes="{size}" sha1="{digest}" xml:space="preserve">{text}</text>\n      <sha1>{digest}</sha1>'


def _base36(number: int) -> str:
    digits = ""
    while number:
        number, digit = divmod(number, 36)
        digits = "0123456789abcdefghijklmnopqrstuvwxyz"[digit] + digits
    return digits.rjust(31, "0")


def xml_dump(wiki: Wiki, pages: Iterable[SourcePage]) -> bytes:
    """A dump of some pages of a wiki."""
    return (xml_head(wiki) + "".join(map(xml_page, pages)) + "</mediawiki>\n").encode()


def multistream(wiki: Wiki) -> tuple[bytes, bytes]:
    """A dump of one bzip2 stream for every ten pages, and its index."""
    data, index = bz2.compress(xml_head(wiki).encode()), ""
    for first in range(0, len(wiki.pages), PAGES_IN_STREAM):
        pages = wiki.pages[first : first + PAGES_IN_STREAM]
        index += "".join(f"{len(data)}:{page.page_id}:{page.title}\n" for page in pages)
        data += bz2.compress("".join(map(xml_page, pages)).encode())
    return data + bz2.compress(b"</mediawiki>\n"), bz2.compress(index.encode())


def dump_files(wiki: Wiki) -> dict[str, bytes]:
    """The files of a wiki's dump, {name: content}; the languages have different forms of dumps."""
    stem = f"{wiki.language}wiki-{DATE}-pages-articles"
    if wiki.language == "en":
        data, index = multistream(wiki)
        return {f"{stem}-multistream.xml.bz2": data, f"{stem}-multistream-index.txt.bz2": index}
    if wiki.language == "ru":
        half = len(wiki.pages) // 2
        first, middle, last = (wiki.pages[number].page_id for number in (0, half, -1))
        return {
            f"{stem}1.xml-p{first}p{middle - 1}.bz2": bz2.compress(xml_dump(wiki, wiki.pages[:half])),
            f"{stem}2.xml-p{middle}p{last}.bz2": bz2.compress(xml_dump(wiki, wiki.pages[half:])),
        }
    data = xml_dump(wiki, wiki.pages)
    if wiki.language == "ar":
        return {f"{stem}.xml": data}
    if wiki.language == "es":
        return {f"{stem}.xml.gz": gzip_equal(data)}
    return {f"{stem}.xml.bz2": bz2.compress(data)}


def gzip_equal(data: bytes) -> bytes:
    """Gzip without time and name, so that equal data gives equal bytes."""
    buffer = io.BytesIO()
    with gzip.GzipFile("", "wb", 9, buffer, mtime=0) as file:
        file.write(data)
    return buffer.getvalue()


# Tables


def sql_dump(table: str, columns: str, rows: Iterable[tuple[int | str | None, ...]], *, old: bool = False) -> bytes:
    """A table in mysqldump's format: all rows on one line or, with `old`, one row on each line and an older head."""
    separator = ",\n" if old else ","
    head = "-- MySQL dump 10.13  Distrib 5.5.35, for debian-linux-gnu (x86_64)\n"
    if not old:
        head = "/*M!999999\\- enable the sandbox mode */ \n-- MariaDB dump 10.19  Distrib 10.5.29-MariaDB\n"
    values = separator.join("(" + ",".join(map(_sql_value, row)) + ")" for row in rows)
    engine = "ENGINE=InnoDB DEFAULT CHARSET=binary"
    return f"""{head}--
-- Table structure for table `{table}`
--

DROP TABLE IF EXISTS `{table}`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `{table}` ({columns}) {engine};
/*!40101 SET character_set_client = @saved_cs_client */;

--
-- Dumping data for table `{table}`
--

/*!40000 ALTER TABLE `{table}` DISABLE KEYS */;
INSERT INTO `{table}` VALUES {values};
/*!40000 ALTER TABLE `{table}` ENABLE KEYS */;

-- Dump completed
""".encode()


def _sql_value(value: int | str | None) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, int):
        return str(value)
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'").replace('"', '\\"') + "'"


def page_props(wiki: Wiki, items: dict[int, dict[str, str]]) -> bytes:
    """The table of a wiki's page properties: items and disambiguation pages."""
    qids = {titles[wiki.language]: qid for qid, titles in items.items() if wiki.language in titles}
    rows: list[tuple[int | str | None, ...]] = []
    for page in wiki.pages:
        if page.mark == "disambiguation":
            rows.append((page.page_id, "disambiguation", "", None))
        if page.title in qids:
            rows.append((page.page_id, "wikibase_item", f"Q{qids[page.title]}", None))
    if wiki.language == "de":
        return sql_dump("page_props", OLD_PAGE_PROPS_COLUMNS, [row[:3] for row in rows], old=True)
    return sql_dump("page_props", PAGE_PROPS_COLUMNS, rows)


def langlinks(wiki: Wiki, items: dict[int, dict[str, str]]) -> bytes:
    """The table of a wiki's interlanguage links."""
    titles = {names[wiki.language]: names for names in items.values() if wiki.language in names}
    rows = [
        (page.page_id, language, title)
        for page in wiki.pages
        for language, title in sorted(titles.get(page.title, {}).items())
        if language != wiki.language
    ]
    return sql_dump("langlinks", LANGLINKS_COLUMNS, rows)


def wb_items_per_site(items: dict[int, dict[str, str]]) -> bytes:
    """Wikidata's table of sitelinks, without the languages in CARRIED."""
    sitelinks = [
        (qid, f"{language}wiki", title)
        for qid, titles in items.items()
        for language, title in sorted(titles.items())
        if language not in CARRIED
    ]
    rows = [(number, *sitelink) for number, sitelink in enumerate(sitelinks, 1)]
    return sql_dump("wb_items_per_site", WB_ITEMS_COLUMNS, rows, old=True)


def make_files() -> dict[str, bytes]:
    """Every file of the sample: {name: content}."""
    items = read_sitelinks()
    files = {f"wikidatawiki-{DATE}-wb_items_per_site.sql.gz": gzip_equal(wb_items_per_site(items))}
    for language in LANGUAGES:
        wiki = read_wiki(language)
        files |= dump_files(wiki)
        if language in PAGE_PROPS:
            files[f"{language}wiki-{DATE}-page_props.sql.gz"] = gzip_equal(page_props(wiki, items))
        if language == "th":
            files[f"{language}wiki-{DATE}-langlinks.sql.gz"] = gzip_equal(langlinks(wiki, items))
    return files


def main() -> None:
    """Writes the files, and removes other files of an earlier run."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "dumps"
    folder.mkdir(parents=True, exist_ok=True)
    files = make_files()
    for old in folder.glob("*wiki-*"):
        if old.name not in files:
            old.unlink()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    print(f"wrote {len(files)} files, {sum(map(len, files.values())) // 1000} kB, into {folder}")


if __name__ == "__main__":
    main()
