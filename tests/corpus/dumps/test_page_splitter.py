"""Page elements cut out of XML that comes in pieces."""

from collections.abc import Iterable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlukit.corpus.dumps.page_splitter import PageBytes, PageSplitter
from mlukit.corpus.dumps.ranges import Chunk, Problem

PAGES = [b"<page>one</page>", b"<page>\n two </page>", b"<page x='1'>three</page>"]
XML = b"<mediawiki>\n" + b"\n ".join(PAGES) + b"\n</mediawiki>\n"


def pieces(data: bytes, cuts: Iterable[int]) -> list[Chunk]:
    edges = [0, *sorted(cuts), len(data)]
    return [Chunk(start, end, data[start:end]) for start, end in pairwise(edges)]


def cut(chunks: list[Chunk], end: int | None = None, limit: int = 1000) -> list[PageBytes]:
    size = chunks[-1].next_position
    return list(PageSplitter(chunks, size if end is None else end, size, limit))


def found(chunks: list[Chunk], end: int | None = None, limit: int = 1000) -> list[tuple[bytes, str]]:
    return [(page.data, page.problem) for page in cut(chunks, end, limit)]


@given(st.sets(st.integers(1, len(XML) - 1)))
def test_any_pieces(cuts: set[int]) -> None:
    assert found(pieces(XML, cuts)) == [(page, "") for page in PAGES]


@given(st.sets(st.integers(1, len(XML) - 1), min_size=1), st.data())
def test_a_page_belongs_to_the_piece_of_its_first_byte(cuts: set[int], data: st.DataObject) -> None:
    chunks = pieces(XML, cuts)
    end = data.draw(st.sampled_from(sorted(cuts)))
    before, after = cut(chunks, end), cut([chunk for chunk in chunks if chunk.position >= end])
    assert [page.data for page in before + after] == PAGES
    for page in before + after:
        (holder,) = [chunk for chunk in chunks if chunk.position <= XML.index(page.data) < chunk.next_position]
        assert page.position == holder.position


def test_what_is_no_page_tag() -> None:
    xml = b"<mediawiki><pages><pagex/><page>a<pagelist></pagelist>&lt;page></page></mediawiki>"
    assert found(pieces(xml, [])) == [(b"<page>a<pagelist></pagelist>&lt;page></page>", "")]


@pytest.mark.parametrize("step", [1, 5, 1000])
def test_an_unclosed_page_costs_no_other(step: int) -> None:
    xml = b"<mediawiki><page>a <page>b</page></page><page>c</page></mediawiki>"
    assert found(pieces(xml, range(step, len(xml), step))) == [
        (b"<page>a ", "unclosed_page"),
        (b"<page>b</page>", ""),
        (b"<page>c</page>", ""),
    ]


@pytest.mark.parametrize("step", [1, 7, 1000])
@pytest.mark.parametrize("length", [99, 100, 101])
def test_the_limit_does_not_depend_on_the_pieces(step: int, length: int) -> None:
    page = b"<page>" + b"x" * (length - 13) + b"</page>"
    xml = b"<mediawiki>" + page + b"<page>next</page></mediawiki>"
    pages = found(pieces(xml, range(step, len(xml), step)), limit=100)
    assert [problem for _, problem in pages] == ["" if length <= 100 else "page_too_large", ""]
    assert pages[1][0] == b"<page>next</page>"


def test_a_huge_page_is_not_held() -> None:
    cutter = PageSplitter(
        (Chunk(i, i + 1, b"<page>" if i == 0 else b"x" * 1000) for i in range(10_000)), 10_000, 10_000, 5_000
    )
    (page, end) = list(cutter)
    assert (page.problem, len(page.data), end.problem) == ("page_too_large", 4096, "truncated")
    assert cutter.xml_bytes > 9_000_000
    assert len(cutter._buffer) < 10_000


def test_many_open_tags_are_read_in_one_pass() -> None:
    xml = b"<page>" * 200_000
    pages = cut([Chunk(0, 1, xml)], limit=1 << 30)
    assert [page.problem for page in pages[-2:]] == ["cut_page", "truncated"]
    assert len(pages) == 200_001


@pytest.mark.parametrize("problem", ["corrupt_block", "truncated"])
def test_damage_costs_the_open_page_alone(problem: Problem) -> None:
    chunks = [
        Chunk(0, 10, b"<mediawiki><page>a</page><page>b"),
        Chunk(10, 20, b"", problem, "why"),
        Chunk(20, 30, b"of b</page><page>c</page></mediawiki>"),
    ]
    assert cut(chunks) == [
        PageBytes(0, b"<page>a</page>"),
        PageBytes(0, b"<page>b", "cut_page"),
        PageBytes(10, b"", problem, "why"),
        PageBytes(20, b"<page>c</page>"),
    ]
    assert [page.problem for page in cut(chunks, end=10)] == ["", "cut_page"]
    assert [page.problem for page in cut(chunks[1:], end=20)] == [problem]


def test_damage_between_the_halves_of_a_tag() -> None:
    chunks = [Chunk(0, 10, b"<mediawiki><pa"), Chunk(10, 20, b"", "corrupt_block"), Chunk(20, 30, b"ge></mediawiki>")]
    assert [page.problem for page in cut(chunks)] == ["corrupt_block"]


@pytest.mark.parametrize(
    ("xml", "problems"),
    [
        (b"<mediawiki><page>a</page>\n</mediawiki>\n\n", [""]),
        (b"<mediawiki><page>a</page>\n", ["", "truncated"]),
        (b"<mediawiki><page>a</pa", ["cut_page", "truncated"]),
        (b"<mediawiki><page>a</page></mediawik", ["", "truncated"]),
        (b"awiki>\n", []),
        (b"\n", []),
    ],
)
def test_the_end_of_the_dump(xml: bytes, problems: list[str]) -> None:
    assert [page.problem for page in cut(pieces(xml, []))] == problems


def test_the_end_is_told_by_its_owner_alone() -> None:
    chunks = pieces(b"<mediawiki><page>a  b</page>", [15, 20])
    assert found(chunks, end=15) == [(b"<page>a  b</page>", "")]
    assert found(chunks[1:], end=20) == []
    assert found(chunks[2:]) == [(b"", "truncated")]
