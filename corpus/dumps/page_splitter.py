"""Splits the XML of a range into `<page>` elements, as bytes, before any element is parsed.

In MediaWiki's XML, text never contains a literal `<`. So `<page>` and `</page>` are always tags, and a reader that
starts in the middle of a dump can begin at the next tag.
"""

import re
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from mlukit.corpus.dumps.ranges import Chunk, Problem

CutProblem: TypeAlias = Literal["", "cut_page", "unclosed_page", "page_too_large", "corrupt_block", "truncated"]

_TAG = re.compile(rb"<page[\s>]|</page>")
_TAG_BYTES = 7
_HEAD_BYTES = 4096  # bytes kept of an incomplete page: they have its title and id
_END_TAG = b"</mediawiki>"
_TAIL_BYTES = 64


@dataclass(frozen=True, slots=True)
class PageBytes:
    """A page element. `position` is the byte of the file at which the chunk with the page's first byte begins.

    If there is a problem, `data` is the known part of the page's head. The problems "corrupt_block" and "truncated"
    stand for damaged places of the dump, not for pages, and have no data.
    """

    position: int
    data: bytes
    problem: CutProblem = ""
    detail: str = ""


class PageSplitter:
    """Iterates once over each page that begins before `end`, and over damage.

    Args:
        chunks: XML in order; no more chunks are read than the last page needs.
        end: the end of the range, in the positions of the chunks.
        size: the size of the file; `next_position` of its last chunk equals it.
        max_page_bytes: the limit for a page; only the head of a longer page is returned and held in memory.
    """

    def __init__(self, chunks: Iterable[Chunk], end: int, size: int, max_page_bytes: int) -> None:
        self._chunks = chunks
        self._end = end
        self._size = size
        self._max_page_bytes = max_page_bytes
        self._buffer = bytearray()
        self._offset = 0  # the position of the buffer's first byte in the stream of XML
        self._marks: deque[tuple[int, int]] = (
            deque()
        )  # (offset in the stream where a chunk begins, position of the chunk)
        self._scanned = 0  # no unread tag begins before this offset in the buffer
        self._page: int | None = None  # the offset in the buffer where the open page begins
        self._page_position = 0
        self._passed_end = False
        self._tail = b""
        self.xml_bytes = 0  # read so far

    def __iter__(self) -> Iterator[PageBytes]:
        for chunk in self._chunks:
            if chunk.problem:
                yield from self._break_off(chunk)
            else:
                self._append(chunk)
                yield from self._cut()
                yield from self._trim()
            if chunk.next_position >= self._size and not self._passed_end:
                yield from self._finish(chunk)
            elif chunk.next_position < self._end or self._needs_more():
                continue
            return

    def _append(self, chunk: Chunk) -> None:
        """Adds the data of a chunk to the buffer."""
        self._marks.append((self._offset + len(self._buffer), chunk.position))
        self._buffer += chunk.data
        self._tail = (self._tail + chunk.before + chunk.data[-_TAIL_BYTES:])[-_TAIL_BYTES:]
        self.xml_bytes += len(chunk.data)

    def _cut(self) -> Iterator[PageBytes]:
        """The pages that end in the buffer."""
        for tag in _TAG.finditer(self._buffer, self._scanned):
            closes = tag[0] == b"</page>"
            if self._page is not None:
                yield self._page_bytes(tag.end() if closes else tag.start(), "" if closes else "unclosed_page")
            self._page = None
            self._scanned = tag.end()
            if not closes:
                self._page_position = self._position(tag.start())
                self._passed_end = self._page_position >= self._end
                if self._passed_end:
                    return
                self._page = tag.start()

    def _page_bytes(self, stop: int, problem: CutProblem) -> PageBytes:
        """The open page, which reaches to `stop` in the buffer."""
        start = self._page or 0
        if stop - start > self._max_page_bytes:
            problem = "page_too_large"
        stop = min(stop, start + _HEAD_BYTES) if problem else stop
        return PageBytes(self._page_position, bytes(self._buffer[start:stop]), problem)

    def _trim(self) -> Iterator[PageBytes]:
        """Removes data that is not needed any more from the buffer, including a page that has become too long."""
        if self._page is not None and len(self._buffer) - self._page > self._max_page_bytes:
            yield self._page_bytes(len(self._buffer), "page_too_large")
            self._page = None
        self._scanned = max(self._scanned, len(self._buffer) - _TAG_BYTES + 1)
        self._forget(self._scanned if self._page is None else self._page)

    def _forget(self, count: int) -> None:
        """Removes the first `count` bytes of the buffer."""
        del self._buffer[:count]
        self._offset += count
        self._scanned -= count
        if self._page is not None:
            self._page -= count
        self._position(0)

    def _position(self, offset: int) -> int:
        """The position of the chunk that holds an offset of the buffer; offsets come in ascending order."""
        while len(self._marks) > 1 and self._marks[1][0] <= self._offset + offset:
            self._marks.popleft()
        return self._marks[0][1]

    def _needs_more(self) -> bool:
        """Whether a page of this range is open, or the buffer ends with the beginning of a page's tag."""
        if self._passed_end or self._page is not None:
            return not self._passed_end
        start = self._buffer.rfind(b"<")
        return start >= 0 and b"<page".startswith(self._buffer[start:]) and self._position(start) < self._end

    def _break_off(self, chunk: Chunk) -> Iterator[PageBytes]:
        """Handles damage: the data up to the next chunk is lost, and with it the open page."""
        if self._page is not None:
            yield self._page_bytes(len(self._buffer), "cut_page")
            self._page = None
        self._offset += len(self._buffer)
        self._buffer.clear()
        self._scanned = 0
        self._tail = b""
        if chunk.problem and chunk.position < self._end:
            yield PageBytes(chunk.position, b"", chunk.problem, chunk.detail)

    def _finish(self, last: Chunk) -> Iterator[PageBytes]:
        """Handles the end of the file: the dump is complete if the root element is closed there."""
        tail = self._tail.rstrip()
        whole = _END_TAG in tail or (len(tail) < len(_END_TAG) and _END_TAG.endswith(tail))
        if not last.problem:
            problem: Problem = "" if whole else "truncated"
            yield from self._break_off(replace(last, problem=problem, detail="" if whole else "no </mediawiki>"))
