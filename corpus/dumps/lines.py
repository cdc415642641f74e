"""The lines of a range of a large file: a line belongs to the range that holds the line end before it."""

from collections.abc import Iterator

from mlukit.corpus.dumps.ranges import DumpRange, OpenFile, read_chunks
from mlukit.schemas.damage import FileAccount


def lines_within(open_file: OpenFile, part: DumpRange, account: FileAccount) -> Iterator[bytes]:
    """Pieces of data that, joined, are the lines of the range; a piece may end anywhere in a line.

    Args:
        open_file: opens the file of the range.
        part: the range.
        account: counts "corrupt_block" and "truncated". Lines that damage cuts end or begin there.
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
