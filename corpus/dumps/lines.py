"""Reads the lines of a range of a large file. A line belongs to the range that has the line end before the line."""

from collections.abc import Iterator

from mlukit.corpus.dumps.files import FileInfo
from mlukit.corpus.dumps.ranges import DumpRange, OpenFile, read_chunks
from mlukit.schemas.damage import FileAccount

_TAIL_BYTES = 12  # at the end of a file: bzip2's footer has 48 bits, then a checksum of 32 bits and up to 7 bits
_BZIP2_FOOTER = f"{0x177245385090:048b}"


def lines_within(open_file: OpenFile, part: DumpRange, account: FileAccount) -> Iterator[bytes]:
    """Pieces of data that together are the lines of the range; a piece may end anywhere in a line.

    Where the file is damaged, the line before the damage ends, and the next line begins after it.

    Args:
        open_file: opens the file of the range.
        part: the range.
        account: counts "corrupt_block" and "truncated".
    """
    inside = part.start == 0
    for chunk in read_chunks(open_file, part):
        if chunk.problem:
            if chunk.position < part.end:
                account.lose(chunk.problem, part.size if chunk.problem == "truncated" else chunk.position)
            yield b"\n" if inside else b""
            inside = False
            continue
        data = chunk.data
        if not inside:
            _, line_end, data = data.partition(b"\n")
            if chunk.position >= part.end:
                return
            inside = bool(line_end)
        if chunk.position >= part.end:
            head, line_end, _ = data.partition(b"\n")
            yield head + line_end
            if line_end:
                return
        else:
            yield data


def has_no_end(open_file: OpenFile, file: FileInfo) -> bool:
    """Whether a compressed file lacks the end that its format requires; False for formats without a visible end.

    Sources: the bzip2 format's footer, which begins at any bit of a byte; the stream footer of the .xz file format.
    """
    with open_file(file.path) as stream:
        stream.seek(max(0, file.size - _TAIL_BYTES))
        tail = stream.read(_TAIL_BYTES)
    if file.name.endswith(".bz2"):
        bits = f"{int.from_bytes(tail, 'big'):0{8 * len(tail)}b}"
        return _BZIP2_FOOTER not in bits
    return file.name.endswith(".xz") and not tail.rstrip(b"\0").endswith(b"YZ")
