"""What is a dump, and what it says of its wiki."""

import bz2
import gzip
import io
from pathlib import Path
from typing import BinaryIO

import pytest

from mlukit.corpus.dumps.files import DumpError, FileInfo
from mlukit.corpus.dumps.siteinfo import SiteInfo, check_dump, read_headers, read_siteinfo

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
        (b"<html><body>404</body></html>", "d.xml", "not a dump: it begins with b'<html>"),
        (HEAD, "d.xml.bz2", "no content in the format that its name says"),
        (HEAD, "d.xml.gz", "cannot be read in the format that its name says"),
        (HEAD, "d.xml.xz", "cannot be read in the format that its name says"),
        (HEAD, "d.xml.zst", "cannot be read in the format that its name says"),
        (HEAD, "d.xml.7z", "cannot be read in the format that its name says"),
        (bz2.compress(HEAD)[:50], "d.xml.bz2", "cannot be read in the format that its name says"),
        (gzip.compress(b"x" * 10, mtime=0), "d.xml.gz", "not a dump: it begins with b'xxx"),
        (HEAD.decode().encode("utf-16"), "d.xml", "d.xml is in UTF-16"),
        (b'<!DOCTYPE x [<!ENTITY a "b">]>' + HEAD, "d.xml", "declares a document type"),
    ],
)
def test_no_dump(data: bytes, path: str, message: str) -> None:
    with pytest.raises(DumpError, match=message) as error:
        check(data, path)
    assert "accepted: " in str(error.value)


@pytest.mark.parametrize(
    ("head", "wiki"),
    [
        ("<dbname>zh_min_nanwiki</dbname><base>https://de.wikipedia.org/wiki/X</base>", "zh_min_nanwiki"),
        ("<base>http://zh-min-nan.wikipedia.org/wiki/X</base>", "zh_min_nanwiki"),
        ("<base>https://be-tarask.wikipedia.org/wiki/X</base>", "be_x_oldwiki"),
        ("<base>https://localhost/wiki/X</base>", None),
        ("<base>https://wikipedia.org.example/wiki/X</base>", None),
        ("", None),
    ],
)
def test_the_wiki_of_a_header(head: str, wiki: str | None) -> None:
    data = f"<mediawiki><siteinfo>{head}</siteinfo>".encode()
    assert read_siteinfo(lambda path: io.BytesIO(data), "d.xml", len(data)).wiki == wiki


def headers(*wikis: str, language: str, foreign_header: bool = False) -> list[str]:
    """The warnings of a dump whose files have these wikis in their headers."""
    files = {f"{number}.xml": HEAD.replace(b"dewiki", wiki.encode()) for number, wiki in enumerate(wikis)}
    warnings: list[str] = []
    read_headers(
        lambda path: io.BytesIO(files[path]),
        language,
        [FileInfo(path, len(data)) for path, data in files.items()],
        foreign_header=foreign_header,
        option="--option",
        warn=warnings.append,
    )
    return warnings


def test_all_files_of_a_dump_are_from_its_wiki() -> None:
    assert headers("dewiki", "dewiki", language="de") == []
    assert headers("be_x_oldwiki", language="be-tarask") == []
    warning = "de: the header of 1.xml does not name its wiki, so mlukit cannot check that the pages are from dewiki"
    assert headers("dewiki", "", language="de") == [warning]
    with pytest.raises(DumpError, match=r"^1\.xml is given for the language 'de', .* says elwiki: .* add --option$"):
        headers("dewiki", "elwiki", language="de")
    assert headers("dewiki", "elwiki", "", language="de", foreign_header=True) == []
    with pytest.raises(DumpError, match="says dewiktionary"):
        headers("dewiktionary", language="de")


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(DumpError, match=r"no\.xml cannot be read"):
        check_dump(open_file, str(tmp_path / "no.xml"), 5)


def test_the_head_is_bounded() -> None:
    assert len(check(HEAD + b" " * 10_000_000)) == 1 << 16


@pytest.mark.skipif(not DATA.is_dir(), reason="no real dumps beside the repository")
@pytest.mark.parametrize(
    ("name", "language", "wiki", "category"),
    [
        ("jawiki-head2006-pages-articles.xml.bz2", "ja", "jawiki", "Category"),
        ("itwiki-small-pages-articles.xml.gz", "it", "itwiki", "Categoria"),
        ("viwiki-20230501-head-pages-articles.xml.bz2", "vi", "viwiki", "Thể loại"),
        ("../sql/aawiki-20260101-pages-meta-current.xml.bz2", "aa", "aawiki", "Category"),
        ("nlwiki-sample-pages-articles.xml.bz2", "nl", "nlwiki", "Categorie"),
    ],
)
def test_real_heads(name: str, language: str, wiki: str | None, category: str) -> None:
    path = DATA / name
    info = read_siteinfo(open_file, str(path), path.stat().st_size)
    assert (info.language, info.wiki, info.namespaces[14]) == (language, wiki, category)
