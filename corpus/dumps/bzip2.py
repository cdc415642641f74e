"""Reads bzip2 files block by block from any position, without an index.

A bzip2 stream has a byte-aligned header, a sequence of blocks, and a footer. A block may begin at any bit. Each block
begins with a 48-bit magic number and a CRC. A block can be decompressed separately after a header and a footer are
added. A file may have several streams ("multistream").
The format: https://github.com/dsnet/compress/blob/master/doc/bzip2-format.pdf
"""

import bz2
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Literal, TypeAlias

BlockProblem: TypeAlias = Literal["", "corrupt", "truncated"]

BLOCK_MAGIC = 0x314159265359
END_MAGIC = 0x177245385090
MAGIC_BITS = 48
HEADER = b"BZh9"  # the largest block size: it reads blocks of every size
CRC_BITS = 32

# A block holds at most 900,000 symbols of at most 20 bits, and tables: no block reaches further than this.
MAX_BLOCK_BYTES = 1 << 22
_READ_BYTES = 1 << 20
_MAGIC_SPAN = 7  # bytes that a magic at any bit may touch
_FOOTERS_TRIED = 3  # one is real; others are data that looks like a footer, by chance or malice


@dataclass(frozen=True, slots=True)
class Block:
    """One decoded block.

    `position` is the byte in which the block's magic starts; `next_position` is the byte of the next block, or the
    file's size. The data of a block with a problem is empty.
    """

    position: int
    next_position: int
    data: bytes
    problem: BlockProblem = ""


def _find_magic(magic: int, data: bytes | bytearray, start: int = 0) -> list[int]:
    """The bit offsets of a magic whose first bit is in byte `start` or later, ascending.

    For each of the eight shifts, five whole bytes of the magic are known; `find` searches for these bytes.
    """
    found = []
    for shift in range(8):
        padded = magic << (8 - shift)  # the magic as it lies in seven bytes
        core = padded.to_bytes(_MAGIC_SPAN, "big")[1:6]
        offset = data.find(core, start + 1)
        while offset != -1:
            window = int.from_bytes(data[offset - 1 : offset + 6].ljust(_MAGIC_SPAN, b"\0"), "big")
            if window >> (8 - shift) & ((1 << MAGIC_BITS) - 1) == magic:
                found.append((offset - 1) * 8 + shift)
            offset = data.find(core, offset + 1)
    return sorted(found)


def _decode(data: bytes | bytearray, start_bit: int, end_bit: int) -> bytes | None:
    """The content of the block in data[start_bit:end_bit] (in bits); None if it is not complete and intact."""
    length = end_bit - start_bit
    if length < MAGIC_BITS + CRC_BITS:
        return None
    last = -(-end_bit // 8)
    bits = int.from_bytes(data[start_bit // 8 : last], "big") >> (last * 8 - end_bit) & ((1 << length) - 1)
    crc = bits >> (length - MAGIC_BITS - CRC_BITS) & ((1 << CRC_BITS) - 1)
    stream = bits << (MAGIC_BITS + CRC_BITS) | END_MAGIC << CRC_BITS | crc
    length += MAGIC_BITS + CRC_BITS
    padding = -length % 8
    decoder = bz2.BZ2Decompressor()
    try:
        content = decoder.decompress(HEADER + (stream << padding).to_bytes((length + padding) // 8, "big"))
    except (OSError, ValueError):  # "Invalid data stream"; no file is read here, so the error means nothing else
        return None
    return content if decoder.eof else None


class _Window:
    """The part of a file that is being read: its bytes from `origin` on, and the block magics found in them."""

    def __init__(self, file: BinaryIO, start: int) -> None:
        self.origin = start
        self.data = bytearray()
        self.magics: deque[int] = deque()  # bit offsets in the file
        self._file = file
        self._scanned = start
        file.seek(start)

    def extend(self) -> bool:
        """Reads on and looks for magics; False at the end of the file."""
        piece = self._file.read(_READ_BYTES)
        self.data += piece
        whole = (len(self.data) - _MAGIC_SPAN + 1) * 8
        found = _find_magic(BLOCK_MAGIC, self.data, self._scanned - self.origin)
        self.magics.extend(self.origin * 8 + bit for bit in found if bit < whole)
        self._scanned = max(self._scanned, self.origin + whole // 8)
        return bool(piece)

    def first_magic(self) -> int | None:
        """The next magic, at any distance; None if the file ends before it. The data before it is not kept."""
        while not self.magics:
            self.forget(self._scanned)
            if not self.extend():
                return None
        return self.magics[0]

    def magic(self, index: int) -> int | None:
        """The magic number `index` from here; None if the file ends before it, or if it is too far for one block."""
        while len(self.magics) <= index and len(self.data) <= MAX_BLOCK_BYTES and self.extend():
            pass
        return self.magics[index] if len(self.magics) > index else None

    def forget(self, byte: int) -> None:
        """Forgets the data before a byte of the file."""
        del self.data[: byte - self.origin]
        self.origin = byte

    def decode(self, start: int, end: int | None) -> bytes | None:
        """The content of the block from bit `start` to the magic at bit `end`, or to a stream's footer before `end`.

        Args:
            start: the first bit of the block.
            end: the bit at which the next magic begins; None if no magic follows, so that only a footer can end the
                block.

        Returns:
            None if the block does not decode.
        """
        stop = len(self.data) * 8 if end is None else end - self.origin * 8
        if end is not None and not self._starts_stream(stop):
            return _decode(self.data, start - self.origin * 8, stop)
        for footer in self.footers(start, stop)[:_FOOTERS_TRIED]:
            content = _decode(self.data, start - self.origin * 8, footer)
            if content is not None:
                return content
        return None

    def footers(self, start: int, stop: int | None = None) -> list[int]:
        """Where stream footers begin after bit `start` of the file: bit offsets in `data`."""
        first = start // 8 - self.origin
        region = self.data[first:] if stop is None else self.data[first : -(-stop // 8)]
        return [first * 8 + bit for bit in _find_magic(END_MAGIC, region)]

    def has_footer(self, start: int) -> bool:
        """Whether a whole stream footer, with its CRC, stands after bit `start` of the file."""
        return any(bit + MAGIC_BITS + CRC_BITS <= len(self.data) * 8 for bit in self.footers(start))

    def _starts_stream(self, bit: int) -> bool:
        """Whether a stream's header is directly before a magic, so that the magic is the first of its stream."""
        byte = bit // 8
        return bit % 8 == 0 and self.data[byte - 4 : byte - 1] == HEADER[:3]


def read_blocks(file: BinaryIO, start: int, end: int, size: int) -> Iterator[Block]:
    """The blocks of a bzip2 file whose magic starts in byte `start` or later, to the end of the file.

    Nothing is returned if the first block starts at byte `end` or later; otherwise the caller stops reading when it has
    enough. A magic that stands in a block's data by chance is ignored: the block is decoded again, up to the following
    magic. A block that does not decode is returned with its problem and without data, and reading continues with the
    next block. The problem is "truncated" if neither a block nor a footer follows. Where only the footer is cut off, a
    block without data and with this problem comes after the last one, at its place.

    Args:
        file: seekable, its bytes as they are on disk.
        start: the first byte in which a magic may start.
        end: the end of the range, in bytes.
        size: the size of the file, in bytes.
    """
    window = _Window(file, start)
    first = True
    while (begin := window.first_magic()) is not None:
        position = begin // 8
        if first and position >= end:
            return
        window.forget(position)
        content, used = _read_block(window, begin)
        if content is None and first and _is_false_magic(file, begin):
            window.magics.popleft()
            continue
        first = False
        last = len(window.magics) == used
        cut = content is None and last and not window.footers(begin)
        cut_footer = content is not None and last and not window.has_footer(begin)
        for _ in range(used):
            window.magics.popleft()
        following = window.first_magic()
        next_position = size if following is None else following // 8
        problem: BlockProblem = "" if content is not None else "truncated" if cut and following is None else "corrupt"
        if cut_footer and following is None:
            yield Block(position, position, content or b"")
            content, problem = None, "truncated"
        yield Block(position, next_position, content or b"", problem)


def _read_block(window: _Window, begin: int) -> tuple[bytes | None, int]:
    """The content of the block at bit `begin`, or None if it does not decode; and how many magics lie in the block."""
    for index in (1, 2):
        end = window.magic(index)
        content = window.decode(begin, end)
        if content is not None:
            return content, index
        if end is None:
            break
    return None, 1


def _is_false_magic(file: BinaryIO, begin: int) -> bool:
    """Whether the magic at bit `begin` is data of an earlier block, which only decodes if it includes this magic.

    The file's position is restored.
    """
    resume = file.tell()
    window = _Window(file, max(0, begin // 8 - MAX_BLOCK_BYTES))
    previous = None
    while (magic := window.magic(0)) is not None and magic < begin:
        previous = window.magics.popleft()
        window.forget(previous // 8)
    found = False
    if previous is not None and magic == begin and window.decode(previous, begin) is None:
        found = window.decode(previous, window.magic(1)) is not None
    file.seek(resume)
    return found
