"""bzip2 blocks: whole files, every split point, false magics, damage."""

import bz2
import io
import random
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlukit.corpus.dumps.bzip2 import BLOCK_MAGIC, END_MAGIC, Block, read_blocks

DATA = Path(__file__).resolve().parents[3].parent / "shared/data/dumps"


def noise(size: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(size)


def words(size: int, seed: int = 1) -> bytes:
    source = random.Random(seed)
    return b" ".join(b"%d" % source.randrange(5000) for _ in range(size // 4))


def blocks(data: bytes, start: int = 0, end: int | None = None) -> list[Block]:
    return list(read_blocks(io.BytesIO(data), start, len(data) if end is None else end, len(data)))


def split_at(data: bytes, cuts: list[int]) -> list[Block]:
    """The blocks that the ranges between the cuts own."""
    owned = []
    for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True):
        for block in read_blocks(io.BytesIO(data), start, end, len(data)):
            assert start <= block.position < end
            owned.append(block)
            if block.next_position >= end:
                break
    return owned


SINGLE = bz2.compress(noise(250_000) + words(200_000), 1)  # blocks of 100 kB
MULTI = b"".join(bz2.compress(words(size, size), 1) for size in (120_000, 10, 0, 3_000, 250_000))


@pytest.mark.parametrize("data", [SINGLE, MULTI], ids=["single", "multi"])
def test_whole_file(data: bytes) -> None:
    found = blocks(data)
    assert b"".join(block.data for block in found) == bz2.decompress(data)
    assert len(found) > 4
    assert [block.next_position for block in found] == [*(block.position for block in found[1:]), len(data)]
    assert not any(block.problem for block in found)


def test_blocks_begin_at_every_bit() -> None:
    bits = bin(int.from_bytes(SINGLE, "big"))[2:].zfill(len(SINGLE) * 8)
    magic = f"{BLOCK_MAGIC:048b}"
    places = [offset for offset in range(len(bits)) if bits.startswith(magic, offset)]
    assert [place // 8 for place in places] == [block.position for block in blocks(SINGLE)]
    assert len({place % 8 for place in places}) > 2


@pytest.mark.parametrize("data", [SINGLE, MULTI], ids=["single", "multi"])
def test_splits_beside_every_block(data: bytes) -> None:
    whole = blocks(data)
    for block in whole:
        for cut in range(max(1, block.position - 8), min(len(data), block.position + 9)):
            assert split_at(data, [cut]) == whole


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(1, len(MULTI) - 1), max_size=6, unique=True))
def test_any_splits(cuts: list[int]) -> None:
    assert split_at(MULTI, sorted(cuts)) == blocks(MULTI)


def test_empty_and_no_bzip2() -> None:
    assert blocks(b"") == []
    assert blocks(bz2.compress(b"")) == []
    assert blocks(noise(100_000)) == []


def test_what_follows_the_last_stream_is_passed_over() -> None:
    data = bz2.compress(b"content") + noise(5_000_000)
    (block,) = blocks(data)
    assert (block.data, block.problem, block.next_position) == (b"content", "", len(data))


def with_false_magic(data: bytes) -> bytes:
    """The bits of a one-block stream with the block magic among its selectors.

    Selectors are unary numbers, and the bits of the magic and a 0 are well-formed ones; those beyond the last that the
    data needs are passed over.
    """
    bits = bin(int.from_bytes(data, "big"))[2:].zfill(len(data) * 8)
    offset = 32 + 48 + 32 + 1 + 24  # header, magic, CRC, randomised, origin
    used = bits[offset : offset + 16]
    offset += 16 + 16 * used.count("1")
    assert int(bits[offset : offset + 3], 2) >= 3
    count = int(bits[offset + 3 : offset + 18], 2)
    selectors = offset + 18
    end = selectors
    for _ in range(count):
        end = bits.index("0", end) + 1
    magic = f"{BLOCK_MAGIC:048b}0"
    more = f"{count + magic.count('0'):015b}"
    bits = bits[: offset + 3] + more + bits[selectors:end] + magic + bits[end:]
    footer = bits.rindex(f"{END_MAGIC:048b}")
    bits = bits[: footer + 80]
    bits += "0" * (-len(bits) % 8)
    return int(bits, 2).to_bytes(len(bits) // 8, "big")


def test_false_magic() -> None:
    contents = [words(40_000, seed) for seed in range(3)]
    data = bz2.compress(contents[0]) + with_false_magic(bz2.compress(contents[1])) + bz2.compress(contents[2])
    assert bz2.decompress(data) == b"".join(contents)
    assert bin(int.from_bytes(data, "big")).count(f"{BLOCK_MAGIC:048b}") == 4
    whole = blocks(data)
    assert [block.data for block in whole] == contents
    for cut in range(whole[1].position - 2, whole[1].position + 600):
        assert split_at(data, [cut]) == whole


def test_false_magic_in_the_last_block() -> None:
    data = with_false_magic(bz2.compress(words(40_000)))
    (block,) = blocks(data)
    assert (block.data, block.next_position) == (words(40_000), len(data))
    assert split_at(data, [200]) == [block]


@pytest.mark.parametrize("which", [0, 2, -1])
def test_corrupt_block_costs_no_other(which: int) -> None:
    whole = blocks(SINGLE)
    broken = bytearray(SINGLE)
    broken[whole[which].position + 500] ^= 0x10
    found = blocks(bytes(broken))
    assert found[which].problem == "corrupt"
    assert found[which].data == b""
    assert [block for block in found if not block.problem] == [block for block in whole if block is not whole[which]]
    for cut in (whole[which].position, whole[which].position + 1, whole[which].next_position):
        assert split_at(bytes(broken), [cut] if cut < len(broken) else []) == found


def test_truncated() -> None:
    whole = blocks(SINGLE)
    for cut in (whole[-1].position + 100, len(SINGLE) - 20):
        found = blocks(SINGLE[:cut])
        assert [block.data for block in found[:-1]] == [block.data for block in whole[:-1]]
        assert (found[-1].problem, found[-1].data) == ("truncated", b"")


@pytest.mark.skipif(not DATA.is_dir(), reason="no real dumps beside the repository")
def test_every_split_of_a_real_multistream_dump() -> None:
    data = (DATA / "multistream/enwiktionary-20150224-pages-articles-multistream.xml.bz2").read_bytes()
    whole = blocks(data)
    assert b"".join(block.data for block in whole) == bz2.decompress(data)
    assert len(whole) == 6
    for size in (1, 7, 13):
        edges = [block.position + delta for block in whole for delta in (-size, 0, size) if block.position + delta > 0]
        assert split_at(data, sorted(set(edges))) == whole


@pytest.mark.skipif(not DATA.is_dir(), reason="no real dumps beside the repository")
def test_decodes_about_as_fast_as_bz2() -> None:
    data = (DATA / "enwiki-head-pages-articles.xml.bz2").read_bytes()
    begin = time.process_time()
    bz2.decompress(data)
    plain = time.process_time() - begin
    begin = time.process_time()
    assert sum(len(block.data) for block in blocks(data)) == 10_509_828
    assert time.process_time() - begin < 2 * plain + 0.1
