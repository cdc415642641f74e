"""bzip2 read block by block from any place of a file, without an index.

A bzip2 stream is a byte-aligned header, blocks one after the other at any bit, and a footer. Each block begins with a
48-bit magic and its own CRC, and decodes alone once it is given a header and a footer of its own. Streams may follow
each other ("multistream"). The format: https://github.com/dsnet/compress/blob/master/doc/bzip2-format.pdf
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
_FOOTERS_TRIED = 3  # one is real; more stand there by chance or malice


@dataclass(frozen=True, slots=True)
class Block:
    """One decoded block. `position` is the byte its magic starts in, `next_position` the next block's (or the
    file's size); data is empty where there is a problem."""

    position: int
    next_position: int
    data: bytes
    problem: BlockProblem = ""


def _find_magic(magic: int, data: bytes | bytearray, start: int = 0) -> list[int]:
    """The bit offsets of a magic whose first bit is in byte `start` or later, ascending.

    At each of the eight shifts, five whole bytes of the magic are known: they are searched by `find`, eight times.
    """
    found = []
    for shift in range(8):
        padded = magic << (8 - shift)  # as it lies in seven bytes
        core = padded.to_bytes(_MAGIC_SPAN, "big")[1:6]
        offset = data.find(core, start + 1)
        while offset != -1:
            window = int.from_bytes(data[offset - 1 : offset + 6].ljust(_MAGIC_SPAN, b"\0"), "big")
            if window >> (8 - shift) & ((1 << MAGIC_BITS) - 1) == magic:
                found.append((offset - 1) * 8 + shift)
            offset = data.find(core, offset + 1)
    return sorted(found)


def _decode(data: bytes | bytearray, start_bit: int, end_bit: int) -> bytes | None:
    """The content of the block in data[start_bit:end_bit] (in bits); None if it is no whole, intact block."""
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
    except (OSError, ValueError):  # "Invalid data stream": all this module ever decodes is in memory
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
        """The next magic, however far it is; None if there is none before the file ends. Holds little on the way."""
        while not self.magics:
            self.forget(self._scanned)
            if not self.extend():
                return None
        return self.magics[0]

    def magic(self, index: int) -> int | None:
        """The index-th magic from here; None if there is none before the file ends or a block must have ended."""
        while len(self.magics) <= index and len(self.data) <= MAX_BLOCK_BYTES and self.extend():
            pass
        return self.magics[index] if len(self.magics) > index else None

    def forget(self, byte: int) -> None:
        """Lets go of what lies before a byte of the file."""
        del self.data[: byte - self.origin]
        self.origin = byte

    def decode(self, start: int, end: int | None) -> bytes | None:
        """The block from bit `start` up to the magic at `end`, or up to its stream's footer if that comes before.

        None if it does not decode. With `end` None there is no magic after it: only a footer can end it.
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

    def _starts_stream(self, bit: int) -> bool:
        byte = bit // 8
        return bit % 8 == 0 and self.data[byte - 4 : byte - 1] == HEADER[:3]


def read_blocks(file: BinaryIO, start: int, end: int, size: int) -> Iterator[Block]:
    """The blocks of a bzip2 file whose magic starts in byte `start` or later, to the end of the file.

    Nothing if the first of them starts at byte `end` or later; after that the caller stops where it has enough. A magic
    that stands in a block's data by chance is passed over: the block is tried once more up to the magic after it. A
    block that does not decode comes with its problem and without data, and reading goes on at the next: "truncated"
    if neither a next one nor a footer follows.

    :param file: seekable, its bytes as they lie on disk
    :param size: of the file, in bytes
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
        cut = content is None and len(window.magics) == 1 and not window.footers(begin)
        for _ in range(used):
            window.magics.popleft()
        following = window.first_magic()
        next_position = size if following is None else following // 8
        problem: BlockProblem = "" if content is not None else "truncated" if cut and following is None else "corrupt"
        yield Block(position, next_position, content or b"", problem)


def _read_block(window: _Window, begin: int) -> tuple[bytes | None, int]:
    """The content of the block at bit `begin`, None if it has none, and the number of magics that it takes up."""
    for index in (1, 2):
        end = window.magic(index)
        content = window.decode(begin, end)
        if content is not None:
            return content, index
        if end is None:
            break
    return None, 1


def _is_false_magic(file: BinaryIO, begin: int) -> bool:
    """Whether the magic at bit `begin` is data of the block before it, which only decodes if it reaches further.

    Leaves the file where it was.
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
