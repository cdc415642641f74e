"""The `<page>` elements of a range, cut out of its XML by bytes before anything is parsed.

In MediaWiki's XML `<` stands for itself in no text, so `<page>` and `</page>` are tags wherever they are found, and
a reader that comes from the middle finds its feet at the next one.
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
_HEAD_BYTES = 4096  # kept of a page that is no whole one: its title and id stand there
_END_TAG = b"</mediawiki>"
_TAIL_BYTES = 64


@dataclass(frozen=True, slots=True)
class PageBytes:
    """A page element. `position` is the byte of the file where the piece begins that holds its first byte.

    With a problem, `data` is what is known of the page's head. "corrupt_block" and "truncated" are no pages but places
    where the dump is damaged, and have no data.
    """

    position: int
    data: bytes
    problem: CutProblem = ""
    detail: str = ""


class PageSplitter:
    """Iterates over the pages that begin before `end`, each once, and over the damage met.

    :param chunks: XML in order; no more of it is read than the last page needs
    :param end: of the range, in the positions of the chunks
    :param size: of the file: the chunk after which it ends says so
    :param max_page_bytes: of a longer page only the head comes, and the rest is not held in memory
    """

    def __init__(self, chunks: Iterable[Chunk], end: int, size: int, max_page_bytes: int) -> None:
        self._chunks = chunks
        self._end = end
        self._size = size
        self._max_page_bytes = max_page_bytes
        self._buffer = bytearray()
        self._offset = 0  # of the buffer's first byte in the stream of XML
        self._marks: deque[tuple[int, int]] = deque()  # where in the stream a chunk begins, and its position
        self._scanned = 0  # no tag begins before this place in the buffer
        self._page: int | None = None  # where in the buffer the open page begins
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
        self._marks.append((self._offset + len(self._buffer), chunk.position))
        self._buffer += chunk.data
        self._tail = (self._tail + chunk.data[-_TAIL_BYTES:])[-_TAIL_BYTES:]
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
        """Lets go of what is needed no more; of a page that has grown too long, too."""
        if self._page is not None and len(self._buffer) - self._page > self._max_page_bytes:
            yield self._page_bytes(len(self._buffer), "page_too_large")
            self._page = None
        self._scanned = max(self._scanned, len(self._buffer) - _TAG_BYTES + 1)
        self._forget(self._scanned if self._page is None else self._page)

    def _forget(self, count: int) -> None:
        del self._buffer[:count]
        self._offset += count
        self._scanned -= count
        if self._page is not None:
            self._page -= count
        self._position(0)

    def _position(self, place: int) -> int:
        """The position of the chunk that holds a place of the buffer; places are asked for in order."""
        while len(self._marks) > 1 and self._marks[1][0] <= self._offset + place:
            self._marks.popleft()
        return self._marks[0][1]

    def _needs_more(self) -> bool:
        """Whether a page of this range is open, or what may become its tag."""
        if self._passed_end or self._page is not None:
            return not self._passed_end
        start = self._buffer.rfind(b"<")
        return start >= 0 and b"<page".startswith(self._buffer[start:]) and self._position(start) < self._end

    def _break_off(self, chunk: Chunk) -> Iterator[PageBytes]:
        """What is between here and the next piece is lost, and with it the page that is open."""
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
        """The end of the file, which is the dump's if the root element is closed there."""
        tail = self._tail.rstrip()
        whole = _END_TAG in tail or (len(tail) < len(_END_TAG) and _END_TAG.endswith(tail))
        if not last.problem:
            problem: Problem = "" if whole else "truncated"
            yield from self._break_off(replace(last, problem=problem, detail="" if whole else "no </mediawiki>"))
