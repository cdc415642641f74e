"""corpus.dumps.mediawiki_tables: typed rows of MediaWiki's and Wikibase's tables, and a count for each row left out."""

import io
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pytest

from mlukit.corpus.dumps.mediawiki_tables import (
    SKIP_REASONS,
    DisambiguationPage,
    LangLink,
    LinkTarget,
    PageItem,
    PageLink,
    RedirectRow,
    TargetLink,
    read_items_per_site,
    read_langlinks,
    read_linktarget,
    read_page_props,
    read_pagelinks,
    read_redirects,
)
from mlukit.corpus.dumps.sql import SqlDumpError, open_sql

SHARED = Path(__file__).resolve().parents[3].parent / "shared/data"
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason=f"real dumps are not in {SHARED}")


def sql(table: str, columns: str, *tuples: str | bytes) -> io.BytesIO:
    values = b",\n".join(row.encode() if isinstance(row, str) else row for row in tuples)
    return io.BytesIO(f"CREATE TABLE `{table}` ({columns});\nINSERT INTO `{table}` VALUES\n".encode() + values + b";\n")


def real(path: str, read: Callable[[BinaryIO], Iterator[Any]]) -> list[Any]:
    with open_sql(lambda name: Path(name).open("rb"), str(SHARED / path)) as stream:
        return list(read(stream))


def sitelinks(batches: Iterable[pa.RecordBatch]) -> list[tuple[str, str, int]]:
    columns = ("language", "title", "item")
    return [row for batch in batches for row in zip(*(batch[name].to_pylist() for name in columns), strict=True)]


def test_page_props() -> None:
    skipped = Counter[str]()
    stream = sql(
        "page_props",
        "`pp_page` int, `pp_propname` varbinary(60), `pp_value` blob, `pp_sortkey` float",
        "(1,'wikibase_item','Q64',NULL)",
        "(2,'wikibase_item','q64',NULL)",
        "(2,'wikibase_item','Q0',NULL)",
        "(2,'wikibase_item','Q',NULL)",
        "(2,'wikibase_item','P31',NULL)",
        "(2,'wikibase_item','Q6４',NULL)",
        "(2,'wikibase_item','Q-1',NULL)",
        "(2,'wikibase_item','Q9223372036854775808',NULL)",
        "(3,'wikibase_item','Q9223372036854775807',NULL)",
        "(4,'disambiguation','',NULL)",
        "(4,'defaultsort','X',0.5)",
        "(NULL,'wikibase_item','Q1',NULL)",
    )
    assert list(read_page_props(stream, skipped)) == [
        PageItem(page_id=1, qid=64),
        PageItem(page_id=3, qid=9223372036854775807),
        DisambiguationPage(page_id=4),
    ]
    assert skipped == {"bad_qid": 7, "other_property": 1, "null": 1}


def test_items_per_site() -> None:
    skipped = Counter[str]()
    stream = sql(
        "wb_items_per_site",
        "`ips_row_id` bigint(20), `ips_item_id` int(10), `ips_site_id` varbinary(32), `ips_site_page` varbinary(310)",
        "(1,64,'dewiki','Berlin')",
        "(2,64,'be_x_oldwiki','Бэрлін')",
        "(3,64,'dewikivoyage','Berlin')",
        "(4,5,'dewiki','Kategorie:Frau_Holle')",
        b"(5,6,'dewiki','\xff')",
        "(6,7,'dewiki','')",
        "(7,0,'dewiki','Null')",
        "(8,9223372036854775808,'dewiki','Large')",
        "(9,-99999999999999999999,'dewiki','Small')",
        "(10,9223372036854775807,'dewiki','Largest')",
        "(11,NULL,'dewiki','A')",
        "(12,0,'frwiki',NULL)",
        "(13,0,'frwiki','')",
    )
    wikis = {"dewiki": "de", "be_x_oldwiki": "be-tarask"}
    assert sitelinks(read_items_per_site(stream, wikis, skipped)) == [
        ("de", "Berlin", 64),
        ("be-tarask", "Бэрлін", 64),
        ("de", "Kategorie:Frau Holle", 5),
        ("de", "Largest", 9223372036854775807),
    ]
    assert skipped == {"other_wiki": 2, "not_utf8": 1, "empty_title": 1, "bad_qid": 3, "null": 2}


def test_langlinks() -> None:
    skipped = Counter[str]()
    stream = sql(
        "langlinks",
        "`ll_from` int(8), `ll_lang` varbinary(35), `ll_title` varbinary(255)",
        "(7,'de','Berlin#Mitte')",
        "(7,'nb','Berlin')",
        "(7,'q','Berlin')",
        "(7,'ja','ベルリン')",
        "(8,'de','')",
    )
    prefixes = {"de": "de", "no": "no", "nb": "no", "q": None}
    assert list(read_langlinks(stream, prefixes, skipped)) == [
        LangLink(7, "de", "Berlin#Mitte"),
        LangLink(7, "no", "Berlin"),
    ]
    assert skipped == {"other_language": 2, "empty_title": 1}


def test_redirects() -> None:
    skipped = Counter[str]()
    columns = "`rd_from` int, `rd_namespace` int, `rd_title` varbinary(255)"
    stream = sql(
        "redirect",
        columns + ", `rd_interwiki` varbinary(32), `rd_fragment` varbinary(255)",
        "(1,0,'Ärger_(Film)','','Siehe_auch')",
        "(2,-1,'Search',NULL,NULL)",
        "(3,0,'','wikt','')",
        "(4,0,'','','')",
        b"(5,0,'A','','\xff')",
    )
    assert list(read_redirects(stream, skipped)) == [
        RedirectRow(1, 0, "Ärger (Film)", "", "Siehe_auch"),
        RedirectRow(2, -1, "Search", "", ""),
        RedirectRow(3, 0, "", "wikt", ""),
    ]
    assert skipped == {"empty_title": 1, "not_utf8": 1}
    assert list(read_redirects(sql("redirect", columns, "(1,4,'A_b')"), skipped)) == [RedirectRow(1, 4, "A b", "", "")]


def test_pagelinks_old_between_and_new() -> None:
    skipped = Counter[str]()
    old = sql("pagelinks", "`pl_from` int, `pl_namespace` int, `pl_title` varbinary(255)", "(1,0,'A_b')")
    assert list(read_pagelinks(old, skipped)) == [PageLink(1, 0, "A b")]
    columns = "`pl_from` int, `pl_namespace` int, `pl_title` varbinary(255), `pl_target_id` bigint(20)"
    both = sql("pagelinks", columns, "(1,0,'A',NULL)", "(1,0,'B',5)")
    assert list(read_pagelinks(both, skipped)) == [PageLink(1, 0, "A"), TargetLink(1, 5)]
    new = sql("pagelinks", "`pl_from` int, `pl_from_namespace` int, `pl_target_id` bigint(20)", "(1,0,5)")
    assert list(read_pagelinks(new, skipped)) == [TargetLink(1, 5)]
    with pytest.raises(SqlDumpError, match="neither pl_target_id nor"):
        list(read_pagelinks(sql("pagelinks", "`pl_from` int, `pl_x` int", "(1,2)"), skipped))
    targets = sql("linktarget", "`lt_id` bigint(20), `lt_namespace` int, `lt_title` varbinary(255)", "(5,0,'A_b')")
    assert list(read_linktarget(targets, skipped)) == [LinkTarget(5, 0, "A b")]
    assert not skipped


def test_a_table_of_other_types_is_an_error() -> None:
    stream = sql("page_props", "`pp_page` varbinary(9), `pp_propname` varbinary(60), `pp_value` blob", "('a','b','c')")
    with pytest.raises(
        SqlDumpError, match="column pp_page of `page_props` has the type varbinary; accepted: bigint, int"
    ):
        list(read_page_props(stream, Counter()))


def test_every_count_is_explained() -> None:
    assert set(SKIP_REASONS) == {
        *("null", "not_utf8", "empty_title", "bad_qid", "other_property", "other_wiki", "other_language")
    }


@needs_shared
def test_real_matched_dump() -> None:
    folder, skipped = "matched/enwiki-20210701", Counter[str]()
    name = "pagepropstable/enwiki-20210701-page_props.sql.gz"
    assert real(f"{folder}/{name}", lambda stream: read_page_props(stream, skipped)) == [
        PageItem(53221, 177499),
        PageItem(61599, 219504),
        PageItem(62320, 219473),
        PageItem(76749, 95074),
        PageItem(450998, 6647660),
    ]
    assert skipped == {"other_property": 9}
    name = "redirecttable/enwiki-20210701-redirect.sql.gz"
    redirects = real(f"{folder}/{name}", lambda stream: read_redirects(stream, skipped))
    assert len(redirects) == 138
    assert redirects[0] == RedirectRow(10583, 0, "Frodo Baggins", "", "")
    assert redirects[-1] == RedirectRow(68017582, 0, "Merry Brandybuck", "", "Family")
    assert skipped == {"other_property": 9}


@needs_shared
def test_real_small_wikis() -> None:
    skipped = Counter[str]()
    redirects = real("sql/miwiki-2016/miwiki-20160111-redirect.sql", lambda stream: read_redirects(stream, skipped))
    assert len(redirects) == 1193
    assert redirects[2] == RedirectRow(583, 0, "Whakamārama:Kuputohu", "", "")
    links = real("sql/aawiki-20260101-pagelinks.sql.gz", lambda stream: read_pagelinks(stream, skipped))
    assert (len(links), links[0], links[-1]) == (637, TargetLink(1426, 233), TargetLink(2160, 325))
    assert not skipped


@needs_shared
def test_items_of_every_layout_that_is_shared() -> None:
    skipped = Counter[str]()
    wikis = {"enwiki": "en", "ltgwiki": "ltg"}
    path = "sql/wikidatawiki-invented-wb_items_per_site.sql.gz"
    links = sitelinks(real(path, lambda stream: read_items_per_site(stream, wikis, skipped)))
    assert links[:2] == [("en", "Universe", 1), ("en", "Earth", 2)]
    assert ("ltg", "Zeme", 2) in links
    assert len(links) + skipped.total() == 132578
    assert set(skipped) == {"other_wiki"}
