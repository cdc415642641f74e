"""Pages of real dumps against an independent reading, and of hostile ones."""

import bz2
import gzip
import io
import tracemalloc
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from mlukit.corpus.dumps.files import DumpError, FileInfo
from mlukit.corpus.dumps.pages import DUMP_FAILURES, PAGE_FAILURES, SKIP_REASONS, PageReader, SkippedPage
from mlukit.corpus.dumps.ranges import DumpRange, plan_ranges
from mlukit.corpus.dumps.siteinfo import check_dump, read_siteinfo
from mlukit.schemas.records import Failure, Page

DATA = Path(__file__).resolve().parents[3].parent / "shared/data"
EVERY_NAMESPACE = frozenset(range(-2, 3000))
UTF_16 = "bgwiki-latest-pages-articles-shortened.xml.bz2"  # as no dump of Wikimedia's is
DUMPS = sorted(
    path
    for folder in ("dumps", "matched", "sql")
    for path in (DATA / folder).rglob("*wik*-pages-*")
    if "index" not in path.name and path.name != UTF_16
) + sorted((DATA / "dumps/broken").glob("*.xml"))

Record = Page | SkippedPage | Failure


def open_file(path: str) -> BinaryIO:
    return Path(path).open("rb")


def reader(data: bytes, name: str = "d.xml", **options: Any) -> PageReader:
    whole = DumpRange("en", name, len(data), 0, len(data), 0)
    return PageReader(lambda path: io.BytesIO(data), whole, "link", **options)


def read(pages: bytes | str, **options: Any) -> list[Record]:
    data = pages if isinstance(pages, bytes) else pages.encode()
    return list(reader(b"<mediawiki>" + data + b"</mediawiki>", **options))


def page(text: str = "text", title: str = "Title", head: str = "<ns>0</ns>", more: str = "") -> str:
    return (
        f"<page><title>{title}</title>{head}<id>7</id>{more}<revision><id>8</id>"
        f'<contributor><username>x</username><id>9</id></contributor><text xml:space="preserve">{text}</text>'
        "</revision></page>"
    )


def decompressed(path: Path) -> bytes:
    data = path.read_bytes()
    if path.name.endswith(".bz2"):
        return bz2.decompress(data)
    return gzip.decompress(data) if path.name.endswith(".gz") else data


def pages_of_element_tree(xml: bytes) -> list[tuple[str | None, str | None, str | None, str | None]]:
    """Id, title, revision and text of each page, as a plain XML parser sees them."""
    root = ElementTree.fromstring(xml if xml.rstrip().endswith(b"</mediawiki>") else xml + b"</mediawiki>")
    space = root.tag.partition("}")[0] + "}"
    found = []
    for element in root.iter(f"{space}page"):
        revision = element.findall(f"{space}revision")[-1]
        texts = (element.findtext(f"{space}id"), element.findtext(f"{space}title"))
        found.append((*texts, revision.findtext(f"{space}id"), revision.findtext(f"{space}text")))
    return found


@pytest.mark.skipif(not DUMPS, reason="no real dumps beside the repository")
@pytest.mark.parametrize("path", DUMPS, ids=lambda path: path.name)
def test_real_dumps_as_another_parser_reads_them(path: Path) -> None:
    size = path.stat().st_size
    check_dump(open_file, str(path), size)
    records: list[Record] = []
    for dump_range in plan_ranges("xx", [FileInfo(str(path), size)], 300_000):
        records.extend(PageReader(open_file, dump_range, "link", keep_namespaces=EVERY_NAMESPACE))
    truncated = [record for record in records if isinstance(record, Failure) and record.reason in DUMP_FAILURES]
    assert [record.reason for record in truncated] == (
        ["truncated"] if path.name.startswith(("enwiki-head", "jawiki-head2006")) else []
    )
    pages = [record for record in records if record not in truncated]
    expected = pages_of_element_tree(decompressed(path))
    assert len(pages) == len(expected)
    for record, (page_id, title, revision_id, text) in zip(pages, expected, strict=True):
        assert (str(record.page_id), record.title) == (page_id, title)
        if isinstance(record, Page):
            assert (str(record.revision_id), record.text) == (revision_id, text or "")
        else:
            assert record.reason in SKIP_REASONS | PAGE_FAILURES


@pytest.mark.skipif(not DUMPS, reason="no real dumps beside the repository")
def test_real_counts() -> None:
    data = (DATA / "dumps/ltgwiki-complete-pages-articles.xml.bz2").read_bytes()
    ltg = reader(data, "d.xml.bz2")
    assert sum(1 for _ in ltg) == 2004
    namespaces = {4: 28, 8: 12, 10: 347, 14: 539, 828: 28}
    assert ltg.counts == {"pages": 1050} | {f"namespace {number}": count for number, count in namespaces.items()}
    assert ltg.xml_bytes == 3_688_394


@pytest.mark.skipif(not DUMPS, reason="no real dumps beside the repository")
def test_broken_dumps() -> None:
    found = []
    for number in (1, 2, 3, 4):
        found.extend(list(reader((DATA / f"dumps/broken/zhwiki-broken-{number}.xml").read_bytes()))[2:])
    assert found[0] == Failure("link", "missing_element", "en", 13, None, "no <title>")
    assert isinstance(found[1], Page)
    assert (found[1].title, found[1].namespace) == ("数学", None)
    assert found[2] == Failure("link", "missing_element", "en", 13, "数学", "no <text>")
    assert found[3] == SkippedPage("empty_text", 13, "数学")


@pytest.mark.skipif(not DUMPS, reason="no real dumps beside the repository")
def test_namespaces_of_an_old_dump() -> None:
    path = str(DATA / "dumps/jawiki-head2006-pages-articles.xml.bz2")
    data = Path(path).read_bytes()
    info = read_siteinfo(open_file, path, len(data))
    old = reader(data, "d.xml.bz2", namespace_of_title=info.namespace_of)
    records = list(old)
    assert records[0] == SkippedPage("namespace 4", 1, "Wikipedia:アップロードログ 2004年4月")
    titles = [record.title for record in records if isinstance(record, Page)]
    assert "音楽" in titles or "アンパサンド" in titles
    assert not any(title.startswith(("Wikipedia:", "Template:")) for title in titles)
    assert all(record.namespace is None for record in records if isinstance(record, Page))


@pytest.mark.skipif(not DUMPS, reason="no real dumps beside the repository")
def test_utf_16_is_refused() -> None:
    data = (DATA / "dumps" / UTF_16).read_bytes()
    with pytest.raises(DumpError, match="UTF-16"):
        check_dump(lambda path: io.BytesIO(data), "d.xml.bz2", len(data))


def test_a_page() -> None:
    assert read(page("a &lt;b&gt; &amp;amp; &quot;c&quot; 𝔸\n&#169;", title="A &amp; B")) == [
        Page(7, 8, 0, "A & B", None, 'a <b> &amp; "c" 𝔸\n©')
    ]


def test_a_redirect() -> None:
    redirect = page("#REDIRECT [[B]]", more='<redirect title="B &amp; &quot;C&quot;" />')
    assert read(redirect) == [Page(7, 8, 0, "Title", 'B & "C"', "#REDIRECT [[B]]")]
    assert read(page("#REDIRECT [[B]]", more="<redirect />")) == [Page(7, 8, 0, "Title", None, "#REDIRECT [[B]]")]


def test_the_last_revision_counts() -> None:
    first = "<revision><id>1</id><model>json</model><text>old</text></revision>"
    assert read(page("new", more=first)) == [Page(7, 8, 0, "Title", None, "new")]
    deleted = '<revision><id>1</id><text deleted="deleted" /></revision>'
    assert read(page("new", more=deleted)) == [Page(7, 8, 0, "Title", None, "new")]


def test_other_slots_are_not_the_text() -> None:
    slot = "<text>main</text><content><role>media</role><model>x</model><text>slot</text></content>"
    xml = page().replace('<text xml:space="preserve">text</text>', slot)
    assert read(xml) == [Page(7, 8, 0, "Title", None, "main")]


@pytest.mark.parametrize(
    ("xml", "reason"),
    [
        (page(head="<ns>10</ns>"), "namespace 10"),
        (page(head="<ns>-1</ns>"), "namespace -1"),
        (page(head="<ns>10</ns>", text="&broken"), "namespace 10"),
        (page(""), "empty_text"),
        (page(" \n "), "empty_text"),
        (page().replace(">text</text>", ' bytes="0" />'), "empty_text"),
        (page().replace(">text</text>", ' deleted="deleted" />'), "deleted_text"),
        (page().replace("<text", "<model>javascript</model><text"), "content_model"),
        ("<page><title>Title</title><ns>0</ns><id>7</id></page>", "no_revision"),
    ],
)
def test_skipped(xml: str, reason: str) -> None:
    assert read(xml + page()) == [SkippedPage(reason, 7, "Title"), Page(7, 8, 0, "Title", None, "text")]


@pytest.mark.parametrize(
    ("xml", "reason"),
    [
        (page("a & b"), "malformed_xml"),
        (page("a &nbsp; b"), "malformed_xml"),
        (page("&lol;", more="<!DOCTYPE a>"), "malformed_xml"),
        (page("<b>"), "malformed_xml"),
        (page("&#xD800;"), "malformed_xml"),
        (page("&#0;"), "malformed_xml"),
        (page("\0"), "malformed_xml"),
        (page("\x01"), "malformed_xml"),
        (page("\ufffe"), "malformed_xml"),
        (page().encode().replace(b"text</", b"\xff\xfe</"), "malformed_xml"),
        (page().encode().replace(b"text</", b"\xed\xa0\x80</"), "malformed_xml"),
        (page().encode().replace(b"text</", b"\xc0\x80</"), "malformed_xml"),
        (page("<a>" * 20 + "</a>" * 20), "malformed_xml"),
        (page(more="<x " + " ".join(f'a{n} = ">"' for n in range(40)) + "/>"), "malformed_xml"),
        (page(more="<x/>" * 100_001), "malformed_xml"),
        (page(title=" "), "bad_value"),
        (page(title="a\nb"), "bad_value"),
        (page(title="x" * 1025), "bad_value"),
        (page(more=f'<redirect title="{"x" * 1025}" />'), "bad_value"),
        (page(head="<ns>zero</ns>"), "bad_value"),
        (page(head="<ns>123456</ns>"), "bad_value"),
        (page().replace("<id>7<", "<id>0<"), "bad_value"),
        (page().replace("<id>7<", "<id>-7<"), "bad_value"),
        (page().replace("<id>7<", "<id>٧<"), "bad_value"),
        (page().replace("<id>7<", f"<id>{'7' * 5000}<"), "bad_value"),
        (page().replace("<id>8<", "<id>x<"), "bad_value"),
        (page().replace("<id>7</id>", ""), "missing_element"),
        (page().replace("<id>8</id>", ""), "missing_element"),
        (page().replace("<title>Title</title>", ""), "missing_element"),
    ],
)
def test_one_failure_and_on_to_the_next(xml: str | bytes, reason: str) -> None:
    data = xml if isinstance(xml, bytes) else xml.encode()
    failure, following = read(data + page().encode())
    assert isinstance(failure, Failure)
    assert (failure.stage, failure.reason, failure.language) == ("link", reason, "en")
    assert len(failure.detail) < 500
    assert failure.title is None or len(failure.title) <= 1024
    assert following == Page(7, 8, 0, "Title", None, "text")


def heads(pages: bytes | str, **options: Any) -> list[Page | None]:
    """What is known of each page that gave no record of its text."""
    data = pages if isinstance(pages, bytes) else pages.encode()
    one_by_one = reader(b"<mediawiki>" + data + b"</mediawiki>", **options)
    return [one_by_one.head for _ in one_by_one]


def head(revision_id: int = 8, namespace: int | None = 0, redirect: str | None = None) -> Page:
    return Page(7, revision_id, namespace, "Title", redirect, "")


@pytest.mark.parametrize(
    ("xml", "expected"),
    [
        (page(), None),
        (page(""), head()),
        (page().replace(">text</text>", ' deleted="deleted" />'), head()),
        (
            page(more='<redirect title="B &amp; C" />').replace("<text", '<text deleted="deleted"'),
            head(redirect="B & C"),
        ),
        (page().replace("<text", "<model>javascript</model><text"), head()),
        ("<page><title>Title</title><ns>0</ns><id>7</id></page>", head(0)),
        (page("").replace("<id>8</id>", "<id>x</id>"), head(0)),
        (page("a & b"), head(0)),
        (page("a & b", head=""), head(0, None)),
        (page("a & b", more='<redirect title="B &amp; C" />'), head(0, redirect="B & C")),
        (page().replace('<text xml:space="preserve">text</text>', ""), head(0)),
        (page().replace("</page>", ""), head(0)),
        (page("x" * 5000), head(0)),
        (page("a & b").encode().replace(b"<contributor>", b"<x>\xff</x><contributor>"), head(0)),
        (page("", head="<ns>10</ns>"), None),
        (page("a & b", head="<ns>10</ns>"), None),
        (page("x" * 5000, head="<ns>10</ns>"), None),
        (page("a & b", title=" "), None),
        (page("a & b", title="x" * 1025), None),
        (page("a & b", title="a\tb"), None),
        (page("a & b").encode().replace(b"Title", b"\xff"), None),
        (page("a & b").replace("<id>7<", "<id>0<"), None),
        (page("a & b").replace("<id>7<", "<id>x<"), None),
        (page("a & b").replace("<title>Title</title>", ""), None),
        (page(head="<ns>zero</ns>"), None),
    ],
)
def test_what_is_known_of_a_page_that_gives_no_article(xml: str | bytes, expected: Page | None) -> None:
    data = xml if isinstance(xml, bytes) else xml.encode()
    assert heads(data + page("other").encode(), max_page_bytes=4096) == [expected, None]


def test_what_is_known_of_a_page_that_is_cut_off() -> None:
    cut = reader(b"<mediawiki>" + page().encode()[:120])
    assert [(record.reason, cut.head) for record in cut if isinstance(record, Failure)] == [
        ("cut_page", head(0)),
        ("truncated", None),
    ]


def test_what_is_known_of_a_page_of_an_old_dump() -> None:
    spaces = {"namespace_of_title": lambda title: 10 if title.startswith("Template:") else 0}
    pages = page("a & b", head="") + page("a & b", head="", title="Template:X") + page("", head="")
    assert heads(pages, **spaces) == [head(0, None), None, head(8, None)]


def test_failures_say_where() -> None:
    assert read(page("a & b")) == [
        Failure("link", "malformed_xml", "en", 7, "Title", "not well-formed (invalid token): line 1, column 155")
    ]
    data = b"<mediawiki>" + page().encode()[:100]
    assert list(reader(data)) == [
        Failure("link", "cut_page", "en", 7, "Title", f"{PAGE_FAILURES['cut_page']}: d.xml, byte 0"),
        Failure(
            "link", "truncated", "en", None, None, f"{DUMP_FAILURES['truncated']} (no </mediawiki>): d.xml, byte 0"
        ),
    ]


def test_no_entity_expands() -> None:
    bomb = '<!DOCTYPE mediawiki [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;">]>'
    failure, _ = reader(f"{bomb}<mediawiki>{page('&b;')}".encode())
    assert isinstance(failure, Failure)
    assert failure.detail.startswith("undefined entity")
    with pytest.raises(DumpError, match="document type or entities"):
        check_dump(lambda path: io.BytesIO(bomb.encode() + b"<mediawiki>"), "d.xml", 87)


def test_every_page_is_counted() -> None:
    pages = reader(f"<mediawiki>{page()}{page('&')}{page('')}{page(head='<ns>1</ns>')}{page()}</mediawiki>".encode())
    assert sum(1 for _ in pages) == 5
    assert pages.counts == {"pages": 2, "malformed_xml": 1, "empty_text": 1, "namespace 1": 1}


@pytest.mark.parametrize("name", ["d.xml.gz", "d.xml.bz2"])
def test_a_bomb_is_one_failure_in_little_memory(name: str) -> None:
    """A page of 200 MB in a file of some 200 kB."""
    head, _, tail = page("TEXT").encode().partition(b"TEXT")
    xml = b"<mediawiki>" + head + b"x" * 200_000_000 + tail + page().encode() + b"</mediawiki>"
    data = gzip.compress(xml, 6) if name.endswith(".gz") else bz2.compress(xml)
    del xml
    tracemalloc.start()
    records = list(reader(data, name, max_page_bytes=4_000_000))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert [record.page_id for record in records] == [7, 7]
    assert isinstance(records[0], Failure)
    assert records[0].reason == "page_too_large"
    assert isinstance(records[1], Page)
    assert peak < 200_000_000 if name.endswith(".bz2") else peak < 20_000_000
