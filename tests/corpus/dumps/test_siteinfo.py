"""What is a dump, and what it says of its wiki."""

import bz2
import gzip
import io
from pathlib import Path
from typing import BinaryIO

import pytest

from mlukit.corpus.dumps.files import DumpError
from mlukit.corpus.dumps.siteinfo import SiteInfo, check_dump, read_siteinfo

DATA = Path(__file__).resolve().parents[3].parent / "shared/data/dumps"


def open_file(path: str) -> BinaryIO:
    return Path(path).open("rb")


HEAD = b"""<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.10/" version="0.10" xml:lang="de">
  <siteinfo>
    <dbname>dewiki</dbname>
    <namespaces>
      <namespace key="-1" case="first-letter">Spezial</namespace>
      <namespace key="0" case="first-letter" />
      <namespace key="2" case="first-letter">A &amp; B</namespace>
    </namespaces>
  </siteinfo>
"""


def check(data: bytes, path: str = "d.xml") -> bytes:
    return check_dump(lambda path: io.BytesIO(data), path, len(data))


def test_siteinfo() -> None:
    data = bz2.compress(HEAD + b'<page><namespace key="9">no</namespace></page></mediawiki>')
    info = read_siteinfo(lambda path: io.BytesIO(data), "d.xml.bz2", len(data))
    assert info == SiteInfo("de", "dewiki", {-1: "Spezial", 0: "", 2: "A & B"})
    titles = {"Spezial:X": -1, "A & B:x": 2, "Berlin": 0, "Alien: Covenant": 0, ":X": 0}
    assert {title: info.namespace_of(title) for title in titles} == titles


@pytest.mark.parametrize(
    ("data", "path", "message"),
    [
        (b"", "d.xml", "d.xml is empty"),
        (b"", "d.xml.bz2", "d.xml.bz2 is empty"),
        (b"<html><body>404</body></html>", "d.xml", "no dump: it begins with b'<html>"),
        (HEAD, "d.xml.bz2", "no content that decodes as its name says"),
        (HEAD, "d.xml.gz", "does not decode as its name says"),
        (HEAD, "d.xml.xz", "does not decode as its name says"),
        (HEAD, "d.xml.zst", "does not decode as its name says"),
        (HEAD, "d.xml.7z", "does not decode as its name says"),
        (bz2.compress(HEAD)[:50], "d.xml.bz2", "does not decode as its name says"),
        (gzip.compress(b"x" * 10, mtime=0), "d.xml.gz", "no dump: it begins with b'xxx"),
        (HEAD.decode().encode("utf-16"), "d.xml", "d.xml is in UTF-16"),
        (b'<!DOCTYPE x [<!ENTITY a "b">]>' + HEAD, "d.xml", "declares a document type"),
    ],
)
def test_no_dump(data: bytes, path: str, message: str) -> None:
    with pytest.raises(DumpError, match=message) as error:
        check(data, path)
    assert "accepted: " in str(error.value)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(DumpError, match=r"no\.xml cannot be read"):
        check_dump(open_file, str(tmp_path / "no.xml"), 5)


def test_the_head_is_bounded() -> None:
    assert len(check(HEAD + b" " * 10_000_000)) == 1 << 16


@pytest.mark.skipif(not DATA.is_dir(), reason="no real dumps beside the repository")
@pytest.mark.parametrize(
    ("name", "language", "wiki", "category"),
    [
        ("jawiki-head2006-pages-articles.xml.bz2", "ja", None, "Category"),
        ("itwiki-small-pages-articles.xml.gz", "it", None, "Categoria"),
        ("viwiki-20230501-head-pages-articles.xml.bz2", "vi", "viwiki", "Thể loại"),
        ("../sql/aawiki-20260101-pages-meta-current.xml.bz2", "aa", "aawiki", "Category"),
        ("nlwiki-sample-pages-articles.xml.bz2", "nl", "nlwiki", "Categorie"),
    ],
)
def test_real_heads(name: str, language: str, wiki: str | None, category: str) -> None:
    path = DATA / name
    info = read_siteinfo(open_file, str(path), path.stat().st_size)
    assert (info.language, info.wiki, info.namespaces[14]) == (language, wiki, category)
