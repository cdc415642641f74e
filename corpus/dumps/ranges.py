"""Cuts dumps into ranges of bytes, each the input of one task, and reads the XML of a range.

The plan is made before a run, only from names and sizes. A page belongs to the range in which its `<page` begins; in
bzip2, the block with `<page` decides. A file that cannot be read from the middle (.gz, .xz, .zst, .7z) is one range. It
is read from beginning to end, but has as many shards as another file of the same size: a page belongs to the shard
whose bytes of the compressed file have the beginning of the page's chunk.
"""

import gzip
import io
import lzma
import zlib
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import BinaryIO, Literal, Protocol, TypeAlias, cast

import py7zr
import zstandard

from mlukit.corpus.dumps.bzip2 import read_blocks
from mlukit.corpus.dumps.files import DumpError, FileInfo

OpenFile: TypeAlias = Callable[[str], BinaryIO]  # opens a path for reading: seekable, nothing decompressed
Problem: TypeAlias = Literal["", "corrupt_block", "truncated"]

LARGEST_RANGE, SMALLEST_RANGE = 32 << 20, 2 << 20  # bytes of the file on disk, if no size is given
FEWEST_RANGES = 16  # of a dump, unless ranges would be smaller than SMALLEST_RANGE: so a small dump uses many cores
CHUNK_BYTES = 1 << 20  # of XML
_BYTES_BEFORE = 64  # of plain XML: a range may begin within the tag that ends the dump
_INPUT_BYTES = 1 << 16  # bytes of a compressed file that are read at once
_MAX_DICTIONARY = 1 << 28  # the most memory that an .xz or .zst may need; the largest preset of xz needs 1 << 26
_SEQUENTIAL = (".gz", ".xz", ".zst", ".7z")
_DAMAGE = (zlib.error, gzip.BadGzipFile, lzma.LZMAError, zstandard.ZstdError, py7zr.exceptions.ArchiveError)


@dataclass(frozen=True, slots=True)
class DumpRange:
    """The pages that begin in bytes [start, end) of a file: one shard, or several if the file is one range."""

    language: str
    path: str
    size: int  # of the whole file, in bytes
    start: int
    end: int
    shard: int  # the first shard's number, counted over all files of the language
    shards: int = 1

    @property
    def file_name(self) -> str:
        """The name of the file, without its folder."""
        return self.path.rpartition("/")[2]

    def shard_at(self, position: int) -> int:
        """The shard that a byte of the file belongs to."""
        step = -(-(self.end - self.start) // self.shards)
        return self.shard + (position - self.start) // step


@dataclass(frozen=True, slots=True)
class Chunk:
    """XML that begins at byte `position` of the file on disk; the next chunk begins at `next_position`.

    The data of a chunk with a problem is lost, and `detail` describes the problem. At the end of the file
    `next_position` is the file's size. `before` is the XML before the data in the file; it belongs to an earlier range.
    """

    position: int
    next_position: int
    data: bytes
    problem: Problem = ""
    detail: str = ""
    before: bytes = b""


def is_splittable(path: str) -> bool:
    """Whether a file can be read from the middle: bzip2 and plain XML."""
    return not path.endswith(_SEQUENTIAL)


def plan_ranges(language: str, files: Sequence[FileInfo], range_size: int | None = None) -> list[DumpRange]:
    """The ranges of a dump's files, in order; shards are numbered from 0.

    Args:
        language: of the dump.
        files: the dump, or its parts in the order of their pages.
        range_size: in bytes of the file on disk; if None, it follows from the dump's size.

    Raises:
        ValueError: `range_size` is less than 1.
    """
    if range_size is None:
        evenly = -(-sum(file.size for file in files) // FEWEST_RANGES)
        range_size = min(max(evenly, SMALLEST_RANGE), LARGEST_RANGE)
    if range_size < 1:
        raise ValueError(f"the range size is {range_size} bytes; accepted: 1 or more")
    plan: list[DumpRange] = []
    shard = 0
    for file in files:
        shards = max(1, -(-file.size // range_size))
        if is_splittable(file.path):
            for index in range(shards):
                start, end = index * range_size, min((index + 1) * range_size, file.size)
                plan.append(DumpRange(language, file.path, file.size, start, end, shard + index))
        else:
            plan.append(DumpRange(language, file.path, file.size, 0, file.size, shard, shards))
        shard += shards
    return plan


def read_chunks(open_file: OpenFile, dump_range: DumpRange) -> Generator[Chunk, None, None]:
    """The XML from the beginning of a range to the end of the file; the caller stops where its last page ends.

    A block that does not decode, and the rest of a file that is cut off, are chunks with a problem.

    Raises:
        OSError: the file cannot be read.
    """
    path = dump_range.path
    with open_file(path) as file:
        if path.endswith(".bz2"):
            yield from _read_bzip2(file, dump_range)
        elif is_splittable(path):
            yield from _read_plain(file, dump_range)
        else:
            yield from _read_sequential(file, dump_range)


def _read_bzip2(file: BinaryIO, dump_range: DumpRange) -> Iterator[Chunk]:
    for block in read_blocks(file, dump_range.start, dump_range.end, dump_range.size):
        problem: Problem = "corrupt_block" if block.problem == "corrupt" else block.problem
        yield Chunk(block.position, block.next_position, block.data, problem)


def _read_plain(file: BinaryIO, dump_range: DumpRange) -> Iterator[Chunk]:
    position = dump_range.start
    file.seek(max(0, position - _BYTES_BEFORE))
    before = file.read(min(position, _BYTES_BEFORE))
    while position < dump_range.size:
        limit = dump_range.end if position < dump_range.end else dump_range.size
        data = file.read(min(CHUNK_BYTES, limit - position))
        if not data:
            raise DumpError(
                f"{dump_range.path} ends at byte {position}; the file had {dump_range.size} bytes when the run began"
            )
        yield Chunk(position, position + len(data), data, before=before)
        position, before = position + len(data), b""


class _Decoder(Protocol):
    """A reader of the content of a compressed file."""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes of content; b"" at its end."""


class _PiecewiseDecoder(Protocol):
    """A decoder of Python's library or of zstandard."""

    def read1(self, size: int, /) -> bytes:
        """The bytes that are available at once, at most `size`; b"" at the end."""


class _PatientReader:
    """Reads until it has the requested size. An error is raised only after the bytes before it were returned."""

    def __init__(self, decoder: _PiecewiseDecoder) -> None:
        self._decoder = decoder
        self._error: Exception | None = None

    def read(self, size: int, /) -> bytes:
        if self._error:
            raise self._error
        content = bytearray()
        while len(content) < size:
            try:
                piece = self._decoder.read1(size - len(content))
            except (EOFError, *_DAMAGE) as error:
                if not content:
                    raise
                self._error = error
                break
            if not piece:
                break
            content += piece
        return bytes(content)


class _XzReader:
    """The content of an .xz file of one or more streams, with a limit of memory, which lzma.LZMAFile does not offer."""

    def __init__(self, source: BinaryIO) -> None:
        self._source = source
        self._decoder: lzma.LZMADecompressor | None = None
        self._unused = b""

    def read(self, size: int, /) -> bytes:
        while True:
            if self._decoder is None:
                self._unused = (self._unused or self._source.read(_INPUT_BYTES)).lstrip(b"\0")  # between streams
                if not self._unused:
                    return b""
                self._decoder = lzma.LZMADecompressor(memlimit=_MAX_DICTIONARY)
            if not self._unused and self._decoder.needs_input:
                self._unused = self._source.read(_INPUT_BYTES)
                if not self._unused:
                    raise EOFError("the file ends inside a stream")
            content = self._decoder.decompress(self._unused, size)
            self._unused = self._decoder.unused_data
            if self._decoder.eof:
                self._decoder = None
            if content:
                return content


class _SevenZipReader:
    """The content of the only file in a .7z archive, read piece by piece, which py7zr's extraction does not allow."""

    def __init__(self, source: BinaryIO) -> None:
        try:
            archive = py7zr.SevenZipFile(source)
        except (OSError, py7zr.exceptions.ArchiveError):
            raise
        except Exception as error:  # py7zr raises errors of any type for a broken header
            raise py7zr.exceptions.Bad7zFile(f"the header of the archive cannot be read: {error!r}") from error
        members = [member for member in archive.files if not member.is_directory and not member.emptystream]
        if len(members) != 1:
            raise py7zr.exceptions.Bad7zFile(f"the archive holds {len(members)} files; accepted: one")
        self._source = source
        self._left: int = members[0].uncompressed
        self._crc: int | None = members[0].crc32
        self._decoder = members[0].folder.get_decompressor(archive.header.main_streams.packinfo.packsizes[0])
        source.seek(archive.afterheader)

    def read(self, size: int, /) -> bytes:
        while self._left:
            before = self._source.tell()
            content = bytes(self._decoder.decompress(self._source, min(size, self._left)))
            self._left -= len(content)
            if content:
                return content
            if self._source.tell() == before:
                raise EOFError(f"the archive ends {self._left} bytes before the end of its content")
        if self._crc is not None and self._decoder.digest != self._crc:
            raise py7zr.exceptions.Bad7zFile("the checksum of the archive does not match its content")
        return b""


def _decoder(path: str, source: BinaryIO) -> _Decoder:
    """A reader of a compressed file's content, by the end of the file's name."""
    if path.endswith(".gz"):
        return _PatientReader(gzip.GzipFile(fileobj=source))
    if path.endswith(".xz"):
        return _XzReader(source)
    if path.endswith(".zst"):
        decompressor = zstandard.ZstdDecompressor(max_window_size=_MAX_DICTIONARY)
        return _PatientReader(decompressor.stream_reader(source, read_size=_INPUT_BYTES, read_across_frames=True))
    return _SevenZipReader(source)


def _read_sequential(file: BinaryIO, dump_range: DumpRange) -> Iterator[Chunk]:
    """The chunks of a file that is one range; each chunk waits for the next, whose position it needs."""
    waiting: Chunk | None = None
    for chunk in _decode(file, dump_range):
        if waiting is not None:
            yield replace(waiting, next_position=chunk.position)
        waiting = chunk
    if waiting is not None:
        yield waiting


def _decode(file: BinaryIO, dump_range: DumpRange) -> Iterator[Chunk]:
    """The chunks of a compressed file, each with the file's size as its `next_position`."""
    # A buffer returns as many bytes as asked for: positions do not depend on the reads of a filesystem.
    source = cast(BinaryIO, io.BufferedReader(cast(io.RawIOBase, file), _INPUT_BYTES))
    decoder: _Decoder | None = None
    problem: Problem = ""
    while not problem:
        position = min(source.tell(), dump_range.size - 1)
        data, detail = b"", ""
        try:
            decoder = decoder or _decoder(dump_range.path, source)
            data = decoder.read(CHUNK_BYTES)
        except EOFError as error:
            problem, detail = "truncated", str(error)
        except _DAMAGE as error:
            problem, detail = "corrupt_block", str(error)
        if not data and not problem:
            return
        yield Chunk(position, dump_range.size, data, problem, detail)
