"""Lists of checksums and indexes: told by their names, and read line by line."""

import bz2
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlukit.corpus.dumps.inventories import algorithm_of, count_index_pages, index_names, read_checksums

DATA = Path(__file__).resolve().parents[3].parent / "shared/data/dumps/multistream"
MD5, OTHER = "900150983cd24fb0d6963f7d28e17f72", "0cc175b9c0f1b6a831c399e269772661"


@pytest.mark.parametrize(
    ("name", "algorithm"),
    [
        ("enwiki-20260901-md5sums.txt", "md5"),
        ("enwiki-latest-sha1sums.txt", "sha1"),
        ("SHA256SUMS", "sha256"),
        ("sha256sums.txt", "sha256"),
        ("enwiki-20260901-md5sums.txt.bak", None),
        ("enwiki-20260901-md5sums.json", None),
        ("sums.txt", None),
        ("mymd5sums.txt", None),
    ],
)
def test_names_of_lists(name: str, algorithm: str | None) -> None:
    assert algorithm_of(name) == algorithm


def test_a_list_is_read() -> None:
    lines = [
        f"{MD5}  a.xml.bz2",
        "",
        f"{MD5.upper()} *b.xml.bz2\r",
        f"{OTHER}  ./c.xml.bz2",
        "<html>",
        f"{MD5[1:]}  d",
        f"{OTHER}  e  ",
    ]
    found = read_checksums("\n".join(lines).encode(), "md5")
    assert found.checksums == {"a.xml.bz2": MD5, "b.xml.bz2": MD5, "c.xml.bz2": OTHER, "e": OTHER}
    assert (found.bad_lines, found.first_bad_line) == (2, (5, "<html>"))


def test_a_list_in_no_encoding() -> None:
    found = read_checksums(b"\xff\xfe\x00" * 99, "sha1")
    assert (found.checksums, found.bad_lines) == ({}, 1)
    assert len(found.first_bad_line[1]) == 80


@pytest.mark.parametrize(
    ("name", "index"),
    [
        (
            "enwiki-20260901-pages-articles-multistream.xml.bz2",
            "enwiki-20260901-pages-articles-multistream-index.txt",
        ),
        ("enwiki-20260901-pages-articles.xml.bz2", "enwiki-20260901-pages-articles-multistream-index.txt"),
        ("enwiki-20260901-pages-articles.xml", "enwiki-20260901-pages-articles-multistream-index.txt"),
        (
            "enwiki-20260901-pages-articles-multistream12.xml-p1p41242.bz2",
            "enwiki-20260901-pages-articles-multistream-index12.txt-p1p41242",
        ),
    ],
)
def test_names_of_indexes(name: str, index: str) -> None:
    assert index_names(name) == [f"{index}.bz2", index]


@pytest.mark.parametrize(
    "name",
    ["enwiki-20260901-p1p99.xml.bz2", "enwiki-20260901-pages-meta-current.xml.bz2", "my.xml", "x-pages-articles-2.xml"],
)
def test_dumps_that_have_no_index(name: str) -> None:
    assert index_names(name) == []


@given(st.integers(1, 99), st.integers(1, 50), st.booleans())
def test_pages_of_an_index_are_counted_whatever_the_pieces(pages: int, size: int, ended: bool) -> None:
    text = b"\n".join(b"%d:%d:Title: %d" % (number, number, number) for number in range(pages)) + b"\n" * ended
    assert count_index_pages(text[at : at + size] for at in range(0, len(text), size)) == pages


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"", "the index has no line that can be read"),
        (b"1:1:A\n\n2:2:B\n", "line 2 is b''"),
        (b"1:1:A\n1:B\n", "line 2 is b'1:B'"),
        (b"1:1:" + b"x" * 9999, "line 1 is b'1:1:xxx"),
    ],
)
def test_what_is_no_index(text: bytes, said: str) -> None:
    with pytest.raises(ValueError) as error:
        count_index_pages([text])
    assert str(error.value).startswith(said)


@pytest.mark.skipif(not DATA.is_dir(), reason="no real dumps beside the repository")
def test_a_real_index() -> None:
    (path,) = DATA.glob("*-multistream-index.txt.bz2")
    (dump,) = DATA.glob("*-multistream.xml.bz2")
    assert path.name in index_names(dump.name)
    assert count_index_pages([bz2.decompress(path.read_bytes())]) == 300
