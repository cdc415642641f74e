"""Ranges of dumps: every page once, whatever the split points, in every format."""

import bz2
import gzip
import io
import lzma
import random
from collections import Counter
from pathlib import Path
from typing import Any

import py7zr
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from mlukit.corpus.dumps.files import DumpError, FileInfo
from mlukit.corpus.dumps.pages import PageReader, SkippedPage
from mlukit.corpus.dumps.ranges import DumpRange, OpenFile, plan_ranges, read_chunks
from mlukit.schemas.damage import FileAccount, Place
from mlukit.schemas.records import Failure, Page

DATA = Path(__file__).resolve().parents[3].parent / "shared/data/dumps"
EVERY_NAMESPACE = frozenset(range(-2, 3000))
Record = Page | SkippedPage | Failure

real_data = pytest.mark.skipif(not DATA.is_dir(), reason="no real dumps beside the repository")


def page(number: int, text: str) -> bytes:
    return (
        f"  <page>\n    <title>Page {number}</title>\n    <ns>0</ns>\n    <id>{number}</id>\n    <revision>\n"
        f'      <id>{number + 1000}</id>\n      <text xml:space="preserve">{text}</text>\n    </revision>\n  </page>\n'
    ).encode()


def dump(pages: list[bytes]) -> bytes:
    return b'<mediawiki xml:lang="en">\n<siteinfo></siteinfo>\n' + b"".join(pages) + b"</mediawiki>\n"


XML = dump([page(number, "äöü &lt;page&gt; " * (number % 7)) for number in range(1, 31)])


def in_memory(data: bytes) -> OpenFile:
    return lambda path: io.BytesIO(data)


def read(data: bytes, name: str, cuts: list[int], **options: Any) -> list[Record]:
    """The records of all ranges between the cuts, one range after the other."""
    records: list[Record] = []
    for index, (start, end) in enumerate(zip([0, *cuts], [*cuts, len(data)], strict=True)):
        dump_range = DumpRange("en", name, len(data), start, end, index)
        records.extend(PageReader(in_memory(data), dump_range, "link", keep_namespaces=EVERY_NAMESPACE, **options))
    return records


def sevenzip(content: bytes) -> bytes:
    target = io.BytesIO()
    with py7zr.SevenZipFile(target, "w", filters=[{"id": py7zr.FILTER_LZMA2, "preset": 0}]) as archive:
        archive.writef(io.BytesIO(content), "dump.xml")
    return target.getvalue()


ZSTD = zstandard.ZstdCompressor(write_checksum=True)
COMPRESS = {
    "d.xml": lambda data: data,
    "d.xml.bz2": bz2.compress,
    "d.xml.gz": lambda data: gzip.compress(data[:999]) + gzip.compress(data[999:]),
    "d.xml.xz": lambda data: lzma.compress(data[:999]) + bytes(8) + lzma.compress(data[999:], preset=0),
    "d.xml.zst": lambda data: b"".join(ZSTD.compress(part) for part in (data[:999], data[999:])),
    "d.xml.7z": sevenzip,
}


def test_plan() -> None:
    files = [FileInfo("a.xml.bz2", 25), FileInfo("b.xml", 20), FileInfo("c.xml.gz", 31), FileInfo("d.xml", 1)]
    assert plan_ranges("en", files, 10) == [
        DumpRange("en", "a.xml.bz2", 25, 0, 10, 0),
        DumpRange("en", "a.xml.bz2", 25, 10, 20, 1),
        DumpRange("en", "a.xml.bz2", 25, 20, 25, 2),
        DumpRange("en", "b.xml", 20, 0, 10, 3),
        DumpRange("en", "b.xml", 20, 10, 20, 4),
        DumpRange("en", "c.xml.gz", 31, 0, 31, 5, shards=4),
        DumpRange("en", "d.xml", 1, 0, 1, 9),
    ]
    with pytest.raises(ValueError, match="range size is 0 bytes"):
        plan_ranges("en", files, 0)


@pytest.mark.parametrize(
    ("sizes", "shards", "first"),
    [
        ([1], 1, 1),
        ([2 << 20], 1, 2 << 20),
        ([(2 << 20) + 1], 2, 2 << 20),
        ([40 << 20], 16, (40 << 20) // 16),
        ([20 << 20, 28 << 20], 17, 3 << 20),  # a range belongs to one file: 7 and 10
        ([600 << 20], 19, 32 << 20),
    ],
)
def test_ranges_follow_the_dumps_size(sizes: list[int], shards: int, first: int) -> None:
    plan = plan_ranges("en", [FileInfo(f"{n}.xml", size) for n, size in enumerate(sizes)])
    assert (len(plan), plan[0].end) == (shards, first)


def test_shards_of_a_file_read_in_one_go() -> None:
    (whole,) = plan_ranges("en", [FileInfo("c.xml.gz", 31)], 10)
    assert [whole.shard_at(position) for position in (0, 7, 8, 15, 16, 24, 30)] == [0, 0, 1, 1, 2, 3, 3]


@pytest.mark.parametrize("name", COMPRESS)
def test_formats(name: str) -> None:
    data = COMPRESS[name](XML)
    records = read(data, name, [])
    assert records == read(XML, "d.xml", [])
    assert [record.page_id for record in records] == list(range(1, 31))
    assert records[8] == Page(9, 1009, 0, "Page 9", None, "äöü <page> " * 2)


@pytest.mark.parametrize("name", ["d.xml.gz", "d.xml.xz", "d.xml.zst", "d.xml.7z"])
def test_files_read_in_one_go_fill_their_shards(name: str) -> None:
    source = random.Random(5)
    pages = [page(number, source.randbytes(30_000).hex()) for number in range(1, 121)]
    data = COMPRESS[name](dump(pages))
    (whole,) = plan_ranges("en", [FileInfo(name, len(data))], -(-len(data) // 3))
    assert whole.shards == 3
    reader = PageReader(in_memory(data), whole, "link")
    shards = Counter(reader.shard for _ in reader)
    assert list(shards) == [0, 1, 2]
    assert min(shards.values()) > 10
    assert sum(shards.values()) == 120


def test_every_split_of_xml() -> None:
    whole = read(XML, "d.xml", [])
    for cut in range(1, len(XML)):
        assert read(XML, "d.xml", [cut]) == whole


@real_data
def test_every_split_of_real_xml() -> None:
    data = (DATA / "broken/zhwiki-broken-4.xml").read_bytes()
    whole = read(data, "d.xml", [])
    assert [type(record) for record in whole] == [Page, Page, SkippedPage]
    for cut in range(1, len(data)):
        assert read(data, "d.xml", [cut]) == whole


def test_every_split_of_small_bzip2_streams() -> None:
    """Streams of 100 bytes, so that every tag is cut by their borders somewhere."""
    data = b"".join(bz2.compress(XML[i : i + 100]) for i in range(0, 2000, 100)) + bz2.compress(XML[2000:])
    whole = read(data, "d.xml.bz2", [])
    assert whole == read(XML, "d.xml", [])
    for cut in range(1, len(data)):
        assert read(data, "d.xml.bz2", [cut]) == whole


@pytest.mark.parametrize("inside", range(1, 7))
def test_tags_across_blocks(inside: int) -> None:
    """A single stream whose first block, of 99,981 bytes, ends inside <page> and its second inside </page>."""
    head = b'<mediawiki xml:lang="en">\n'
    pad = b"<!--" + bytes(ord("a") + n % 23 for n in range(99_981 - inside - len(head) - 7)) + b"-->"
    first = b"".join(page(1, "TEXT").split())  # without runs of four, which bzip2 would write as five
    first = first.replace(b"TEXT", bytes(ord("a") + n % 23 for n in range(99_981 - len(first) + 4 + 7)))
    xml = head + pad + first + page(2, "second") + b"</mediawiki>"
    data = bz2.compress(xml, 1)
    chunks = list(read_chunks(in_memory(data), DumpRange("en", "d.xml.bz2", len(data), 0, len(data), 0)))
    assert [len(chunk.data) for chunk in chunks[:2]] == [99_981, 99_981]
    assert chunks[0].data.endswith(b"<page>"[:inside])
    assert chunks[1].data.endswith(b"</page>"[:inside])
    whole = read(data, "d.xml.bz2", [])
    assert [record.page_id for record in whole] == [1, 2]
    for cut in [chunk.position + delta for chunk in chunks[1:] for delta in (-1, 0, 1)]:
        assert read(data, "d.xml.bz2", [cut]) == whole
    first_range = DumpRange("en", "d.xml.bz2", len(data), 0, chunks[1].position, 0)
    assert [record.page_id for record in PageReader(in_memory(data), first_range, "link")] == [1]


@settings(max_examples=40, deadline=None)
@given(st.integers(1, len(XML) + 10), st.sampled_from(["d.xml", "d.xml.bz2"]))
def test_any_range_size(size: int, name: str) -> None:
    data = XML if name == "d.xml" else b"".join(bz2.compress(XML[i : i + 777]) for i in range(0, len(XML), 777))
    records = []
    for dump_range in plan_ranges("en", [FileInfo(name, len(data))], max(size, 50)):
        records.extend(PageReader(in_memory(data), dump_range, "link", keep_namespaces=EVERY_NAMESPACE))
    assert records == read(XML, "d.xml", [])


@real_data
@pytest.mark.parametrize("cuts", [1, 3, 9])
def test_real_multistream_dump(cuts: int) -> None:
    data = (DATA / "multistream/enwiktionary-20150224-pages-articles-multistream.xml.bz2").read_bytes()
    whole = read(data, "d.xml.bz2", [])
    assert len(whole) == 300
    assert read(data, "d.xml.bz2", [len(data) * n // (cuts + 1) for n in range(1, cuts + 1)]) == whole


def test_a_plain_file_that_shrank() -> None:
    with pytest.raises(DumpError, match=r"d.xml ends at byte 500; the file had 3000 bytes when"):
        list(read_chunks(in_memory(XML[:500]), DumpRange("en", "d.xml", 3000, 0, 3000, 0)))


def test_reading_stops_where_the_last_page_ends() -> None:
    read_to = []

    class Watched(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            data = super().read(size)
            read_to.append(self.tell())
            return data

    xml = dump([page(number, "x" * 100_000) for number in range(1, 100)])
    first = DumpRange("en", "d.xml", len(xml), 0, 1000, 0)
    assert [record.page_id for record in PageReader(lambda path: Watched(xml), first, "link")] == [1]
    assert max(read_to) <= 1000 + (1 << 20)


@pytest.mark.parametrize("name", COMPRESS)
def test_a_file_cut_in_the_middle(name: str) -> None:
    """The pages before the cut are read; what is lost is one failure for the dump, and one for the page it cuts."""
    source = random.Random(5)
    data = COMPRESS[name](dump([page(number, source.randbytes(20_000).hex()) for number in range(1, 101)]))
    records = read(data[: len(data) * 2 // 3], name, [])
    failures = [record.reason for record in records if isinstance(record, Failure)]
    assert failures in (["cut_page", "truncated"], ["truncated"], ["corrupt_block"])
    assert failures[-1] == "truncated" or name.endswith(".7z")  # its table of contents stands at the end
    pages = [record.page_id for record in records if isinstance(record, Page)]
    assert pages == list(range(1, len(pages) + 1))
    assert len(pages) > 30 or name.endswith(".7z")


@pytest.mark.parametrize("name", COMPRESS)
def test_a_file_with_wrong_bytes(name: str) -> None:
    source = random.Random(5)
    data = bytearray(COMPRESS[name](dump([page(number, source.randbytes(20_000).hex()) for number in range(1, 101)])))
    data[len(data) * 2 // 3 : len(data) * 2 // 3 + 2000] = bytes(2000)
    records = read(bytes(data), name, [])
    failures = [record.reason for record in records if isinstance(record, Failure)]
    assert failures
    assert set(failures) <= {"corrupt_block", "cut_page", "malformed_xml", "bad_value", "truncated"}
    assert "corrupt_block" in failures or name == "d.xml"
    assert len([record for record in records if isinstance(record, Page)]) > 25
    if name.endswith(".bz2"):
        assert failures == ["cut_page", "corrupt_block"]
        assert records[-1].page_id == 100


# Every cut, and every page that is lost, is told of


def account_of(data: bytes, name: str, range_size: int) -> FileAccount:
    """Of all ranges together."""
    total = FileAccount()
    for dump_range in plan_ranges("en", [FileInfo(name, len(data))], range_size):
        reader = PageReader(in_memory(data), dump_range, "link")
        assert all(reader)
        total.add(reader.account)
    return total


SMALL_PAGES = [page(number, f"text {number}") for number in range(1, 4)]
SMALL = dump(SMALL_PAGES)
STREAMS = [SMALL[: SMALL.index(b"  <page>")], *SMALL_PAGES, b"</mediawiki>\n"]
WHOLE = {
    "x.xml": SMALL.rstrip(),
    "x.xml.bz2": b"".join(map(bz2.compress, STREAMS)),
    "x.xml.gz": gzip.compress(SMALL, mtime=0),
    "x.xml.xz": lzma.compress(SMALL),
}


@pytest.mark.parametrize("name", WHOLE)
@pytest.mark.parametrize("range_size", [5, 7, 12, 20, 64, 1 << 20])
def test_wherever_a_dump_is_cut_it_is_told_once(name: str, range_size: int) -> None:
    whole = WHOLE[name]
    assert account_of(whole, name, range_size) == FileAccount(3)
    for cut in range(150, len(whole)):
        assert account_of(whole[:cut], name, range_size).damage == {"truncated": 1}, cut


LARGE_PAGES = [page(number, random.Random(number).randbytes(9000).hex()) for number in range(1, 31)]
LARGE = dump(LARGE_PAGES)
GROUPS = [b"".join(LARGE_PAGES[at : at + 3]) for at in range(0, 30, 3)]
COMPRESSED = {
    "x.xml.bz2": b"".join(map(bz2.compress, [STREAMS[0], *GROUPS, STREAMS[-1]])),
    "one-stream.xml.bz2": bz2.compress(LARGE, 1),
    "x.xml.gz": gzip.compress(LARGE, mtime=0),
    "x.xml.xz": lzma.compress(LARGE),
    "x.xml.zst": zstandard.ZstdCompressor(write_checksum=True).compress(LARGE),
}


@pytest.mark.parametrize("name", COMPRESSED)
@settings(deadline=None, max_examples=20)
@given(st.floats(0.01, 0.99), st.binary(min_size=1, max_size=200), st.sampled_from([30_000, 100_000, 1 << 30]))
def test_no_page_is_lost_unseen(name: str, place: float, bad: bytes, range_size: int) -> None:
    data = bytearray(COMPRESSED[name])
    start = int(place * (len(data) - len(bad)))
    data[start : start + len(bad)] = bad
    found = account_of(bytes(data), name, range_size)
    assert found.pages == 30 or found.damage


def test_what_was_decoded_before_a_cut_is_kept() -> None:
    for name in ("x.xml.gz", "x.xml.xz"):
        assert account_of(WHOLE[name][:-9], name, 1 << 20) == FileAccount(
            3, Counter(truncated=1), [Place(len(WHOLE[name]) - 9, "truncated")]
        )
