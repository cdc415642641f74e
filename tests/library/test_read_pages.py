"""Pages of a dump, with what cannot be read told."""

import logging
from pathlib import Path

import pytest

from mlukit import read_pages
from mlukit.corpus.dumps.files import DumpError
from mlukit.schemas.records import Failure, Page
from tests.small_dumps import DATE, SmallPage, dump_xml, write_dump
from tests.small_wikis import EN


def test_pages_of_the_main_namespace_with_redirects(dumps: Path) -> None:
    failures: list[Failure] = []
    found = list(read_pages(dumps / f"enwiki-{DATE}-pages-articles.xml.bz2", on_failure=failures.append))
    wanted = [one for one in EN if one.namespace == 0 and one.title not in ("Broken", "Blank")]
    assert found == [Page(one.page_id, one.page_id + 1000, 0, one.title, one.redirect, one.text) for one in wanted]
    assert [(one.stage, one.reason, one.title) for one in failures] == [("link", "malformed_xml", "Broken")]


def test_failures_are_logged_by_default(dumps: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        list(read_pages(str(dumps / f"enwiki-{DATE}-pages-articles.xml.bz2")))
    assert [record.getMessage()[:29] for record in caplog.records] == ["malformed_xml: page 110 'Brok"]


def test_the_language_decides_the_namespaces_of_an_old_dump(tmp_path: Path) -> None:
    pages = [SmallPage(1, "Datei:X", "a"), SmallPage(2, "Y", "b")]
    old = dump_xml("de", pages, "0.5").replace("    <ns>0</ns>\n", "").replace("dewiki", "x")
    (tmp_path / "dump.xml").write_text(old)
    with pytest.raises(ValueError, match=r"names no Wikipedia \('x'\): give its code, such as 'en'"):
        read_pages(tmp_path / "dump.xml")
    assert [page.title for page in read_pages(tmp_path / "dump.xml", "de")] == ["Y"]


def test_what_is_wrong_is_told_before_the_first_page(tmp_path: Path) -> None:
    with pytest.raises(DumpError, match="nowhere: there is no such file"):
        read_pages("nowhere")
    (tmp_path / "text.xml").write_text("text")
    with pytest.raises(DumpError, match="is not a dump"):
        read_pages(tmp_path / "text.xml")
    with pytest.raises(ValueError, match="'qq'"):
        read_pages(write_dump(tmp_path, "en", [SmallPage(1, "A", "a")]), "qq")
