"""The pages of a range of a dump: XML to records, from export-0.3 to export-0.11.

The format: https://www.mediawiki.org/wiki/Help:Export#Export_format. Each page is parsed by itself, so that a broken
page does not affect others; a page cannot have a document type, and so no entities that expand.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TypeAlias
from xml.parsers import expat
from xml.sax.saxutils import unescape

from mlukit.corpus.dumps.page_splitter import PageBytes, PageSplitter
from mlukit.corpus.dumps.ranges import DumpRange, OpenFile, read_chunks
from mlukit.schemas.damage import FileAccount
from mlukit.schemas.records import Failure, Page

NamespaceOfTitle: TypeAlias = Callable[[str], int]

ARTICLES = frozenset({0})
MAX_PAGE_BYTES = 32 << 20  # of XML; MediaWiki's own limit is 2 MiB of text
MAX_TITLE_BYTES = 1024  # MediaWiki's own limit is 255 and the namespace

# Why a page was left out although nothing is wrong with it; reasons such as "namespace 10" come in addition.
SKIP_REASONS = {
    "deleted_text": "the text was hidden by an administrator",
    "empty_text": "the text is empty or blank",
    "no_revision": "the page has no revision in the dump",
    "content_model": "the text is not wikitext but, for example, JavaScript",
}
# Why a page could not be read.
PAGE_FAILURES = {
    "malformed_xml": "the page is not well-formed XML in UTF-8 without control characters",
    "missing_element": "the page has no title, id or text",
    "bad_value": "an id is not a positive number, or a title is empty, too long or has control characters",
    "unclosed_page": "another page begins before this one ends",
    "cut_page": "the dump is damaged or ends inside the page",
    "page_too_large": "the page is larger than the limit",
}
# Damage of a dump, which concerns no single page.
DUMP_FAILURES = {
    "corrupt_block": "a part of the compressed file does not decode; the pages in it are lost",
    "truncated": "the dump ends before its root element is closed",
}

_PROBLEMS = PAGE_FAILURES | DUMP_FAILURES
_NOT_WHOLE = frozenset({"cut_page", "unclosed_page"})  # pages whose end is lost
_DAMAGE = frozenset({"unclosed_page", *DUMP_FAILURES})  # places in the dump's file; one belongs to each cut page
_HEAD_BYTES = 4096  # of a page's XML, where its title and id stand
# A parser keeps all attributes of a tag and all names that it has met: a page must not have millions of them.
_CROWDED_TAG = re.compile(rb"""<[^\s<>]+(?:\s+[^\s=<>]+\s*=\s*(?:"[^"<]*"|'[^'<]*')){32}""")
_MAX_ELEMENTS = 100_000
_NAMESPACE = re.compile(rb"<ns>\s*(-?\d{1,4})\s*</ns>")
_TITLE = re.compile(rb"<title>([^<]*)</title>")
_REDIRECT = re.compile(rb'<redirect\s+title="([^"<]*)"')
_PAGE_ID = re.compile(rb"<id>\s*(\d{1,18})\s*</id>")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_MAX_DEPTH = 16
_WANTED = frozenset({"page/title", "page/id", "revision/id", "revision/model", "revision/text"})


@dataclass(frozen=True, slots=True)
class SkippedPage:
    """A page that was left out for a reason in SKIP_REASONS or for its namespace."""

    reason: str  # a short name, counted: "namespace 10", "empty_text"
    page_id: int | None = None
    title: str | None = None


class _PageError(Exception):
    """A page that cannot be read: the name of the reason, and the text that caused it."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail


class PageReader:
    """Iterates over the results of a range: a Page, a SkippedPage or a Failure for each page, a Failure for damage.

    A reader can be iterated once.

    Args:
        open_file: opens the file of the range.
        dump_range: which pages to read.
        stage: the stage of the build that reads the pages: `Failure.stage` of every failure.
        keep_namespaces: pages in other namespaces are skipped before they are parsed.
        namespace_of_title: gives the namespace of a title in dumps without <ns> (before export-0.6). Without this
            function, all pages of such dumps are kept.
        max_page_bytes: a page with more XML is a failure; the memory held is a small multiple of this limit.
    """

    def __init__(
        self,
        open_file: OpenFile,
        dump_range: DumpRange,
        stage: str,
        *,
        keep_namespaces: frozenset[int] = ARTICLES,
        namespace_of_title: NamespaceOfTitle | None = None,
        max_page_bytes: int = MAX_PAGE_BYTES,
    ) -> None:
        self._range = dump_range
        self._stage = stage
        self._kept_namespaces = keep_namespaces
        self._namespace_of_title = namespace_of_title
        self._chunks = read_chunks(open_file, dump_range)
        self._splitter = PageSplitter(self._chunks, dump_range.end, dump_range.size, max_page_bytes)
        self.counts: Counter[str] = Counter()  # "pages" that were read, and each reason
        self.account = FileAccount()  # whole pages of every kind, and damage
        self.shard = dump_range.shard  # of the latest record
        self.position = dump_range.start  # of the chunk that holds the first byte of the latest record
        self.head: Page | None = None  # the latest record's page without text, if the record is not a Page

    @property
    def xml_bytes(self) -> int:
        """The XML decoded so far, in bytes."""
        return self._splitter.xml_bytes

    def __iter__(self) -> Iterator[Page | SkippedPage | Failure]:
        with closing(self._chunks):
            for element in self._splitter:
                self.position = element.position
                self.shard = self._range.shard_at(element.position)
                record = self._read(element)
                self.counts["pages" if isinstance(record, Page) else record.reason] += 1
                self._account_for(element)
                yield record

    def _account_for(self, element: PageBytes) -> None:
        """Counts an element in `account`: as damage, or as a whole page."""
        if element.problem in _DAMAGE:
            ends = element.problem == "truncated"
            self.account.lose(element.problem, self._range.size if ends else element.position)
        elif element.problem not in _NOT_WHOLE:
            self.account.pages += 1

    def _read(self, element: PageBytes) -> Page | SkippedPage | Failure:
        """The record of a page element or of damage; sets `head` if the record is not a Page."""
        self.head = None
        if element.problem:
            self.head = self._known_head(element.data)
            return self._failure(element.problem, self._describe(element), element.data)
        try:
            stated = _stated_namespace(element.data)
            namespace = self._namespace_by_title(element.data) if stated is None else stated
            if namespace is not None and namespace not in self._kept_namespaces:
                return SkippedPage(f"namespace {namespace}", _page_id(element.data), _title(element.data))
            page, skip = _parse_page(element.data, stated)
            if skip is None:
                return page
            self.head = replace(page, text="")
            return SkippedPage(skip, page.page_id, page.title)
        except _PageError as error:
            self.head = self._known_head(element.data)
            return self._failure(error.reason, error.detail, element.data)

    def _namespace_by_title(self, data: bytes) -> int | None:
        """The namespace of a page without <ns>, by its title."""
        title = _title(data)
        return self._namespace_of_title(title) if self._namespace_of_title and title is not None else None

    def _known_head(self, data: bytes) -> Page | None:
        """The head of a page that cannot be read, without text and revision.

        Returns:
            None if the title or the id is unknown, or if the page is not in a kept namespace.
        """
        head = data[:_HEAD_BYTES].partition(b"<revision")[0]
        try:
            stated = _stated_namespace(head)
            namespace = self._namespace_by_title(head) if stated is None else stated
            title = _checked_title({} if (found := _TITLE.search(head)) is None else {"page/title": _text(found[1])})
            redirect = _text(target[1]) if (target := _REDIRECT.search(head)) else None
        except (_PageError, UnicodeDecodeError):
            return None
        page_id = _page_id(head)
        if not page_id or (namespace is not None and namespace not in self._kept_namespaces):
            return None
        return Page(page_id, 0, stated, title, redirect, "")

    def _failure(self, reason: str, detail: str, data: bytes) -> Failure:
        return Failure(self._stage, reason, self._range.language, _page_id(data), _title(data), detail)

    def _describe(self, element: PageBytes) -> str:
        """The problem of an element in words, with file and position."""
        detail = f" ({element.detail[:200]})" if element.detail else ""
        return f"{_PROBLEMS[element.problem]}{detail}: {self._range.file_name}, byte {element.position}"


def _stated_namespace(data: bytes) -> int | None:
    """The number in <ns>; None if there is no such element before the first revision."""
    revision = data.find(b"<revision")
    end = revision if revision >= 0 else len(data)
    found = _NAMESPACE.search(data, 0, end)
    if found:
        return int(found[1])
    start = data.find(b"<ns", 0, end)
    if start >= 0:
        raise _PageError("bad_value", f"namespace {data[start : start + 40]!r}")
    return None


def _title(data: bytes) -> str | None:
    """The title in a page's bytes, cut to the maximal length in a failure; None if it is not found."""
    found = _TITLE.search(data[:_HEAD_BYTES])
    return _text(found[1], "replace")[:MAX_TITLE_BYTES] if found else None


def _text(escaped: bytes, errors: str = "strict") -> str:
    """The text of escaped XML."""
    return unescape(escaped.decode("utf-8", errors), {"&quot;": '"'})


def _page_id(data: bytes) -> int | None:
    """The page id in a page's bytes; None if it is not found."""
    found = _PAGE_ID.search(data[:_HEAD_BYTES].partition(b"<revision")[0])  # a revision has an id, too
    return int(found[1]) if found else None


class _PageElement:
    """Parses one page's XML: the texts of the wanted elements, taken from the last revision."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}
        self.redirect: str | None = None
        self.deleted = False
        self.revisions = 0
        self._elements = 0
        self._path: list[str] = []
        self._pieces: list[str] = []
        self._parser = expat.ParserCreate("UTF-8")
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end

    def parse(self, data: bytes) -> None:
        self._parser.buffer_size = max(1024, min(len(data), 1 << 20))
        self._parser.Parse(data, True)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._path.append(name)
        depth = len(self._path)
        self._elements += 1
        if depth > _MAX_DEPTH or self._elements > _MAX_ELEMENTS:
            raise _PageError("malformed_xml", f"the page has {self._elements:,} elements, {depth} deep")
        if depth == 2 and name == "revision":
            self._new_revision()
        elif depth == 2 and name == "redirect":
            self.redirect = attributes.get("title")
        elif depth == 3 and name == "text":
            self.deleted = "deleted" in attributes
        if self._wanted():
            self._pieces.clear()
            self._parser.CharacterDataHandler = self._pieces.append

    def _end(self, name: str) -> None:
        key = self._wanted()
        if key:
            self.values[key] = "".join(self._pieces)
            self._parser.CharacterDataHandler = None
        self._path.pop()

    def _wanted(self) -> str:
        """The path of the innermost element, such as "page/title", if its text is wanted, else ""."""
        if not 2 <= len(self._path) <= 3:
            return ""
        key = f"{self._path[-2]}/{self._path[-1]}"
        return key if key in _WANTED else ""

    def _new_revision(self) -> None:
        """Forgets the texts of the revision before."""
        self.revisions += 1
        self.deleted = False
        self.values = {key: value for key, value in self.values.items() if key.startswith("page/")}


def _parse_page(data: bytes, namespace: int | None) -> tuple[Page, str | None]:
    """Parses a complete page element.

    Returns:
        The page, and the reason in SKIP_REASONS for which it is left out, or None. A page that is left out may have the
        revision 0, which stands for no revision.

    Raises:
        _PageError: the page cannot be read.
    """
    if _CROWDED_TAG.search(data):
        raise _PageError("malformed_xml", "a tag has 32 attributes or more")
    element = _PageElement()
    try:
        element.parse(data)
    except expat.ExpatError as error:
        raise _PageError("malformed_xml", str(error)) from None
    values = element.values
    title = _checked_title(values)
    page_id = _checked_id(values, "page/id")
    skip = _skip_reason(element)
    if not skip and "revision/text" not in values:
        raise _PageError("missing_element", "no <text>")
    revision_id = _known_id(values, "revision/id") if skip else _checked_id(values, "revision/id")
    if element.redirect is not None and len(element.redirect.encode()) > MAX_TITLE_BYTES:
        raise _PageError("bad_value", f"redirect to {element.redirect[:100]!r}")
    return Page(page_id, revision_id, namespace, title, element.redirect, values.get("revision/text", "")), skip


def _skip_reason(element: _PageElement) -> str | None:
    """The reason in SKIP_REASONS for which a page is left out; None for a page that is kept."""
    if not element.revisions:
        return "no_revision"
    if element.values.get("revision/model", "wikitext") != "wikitext":
        return "content_model"
    if element.deleted:
        return "deleted_text"
    text = element.values.get("revision/text")
    return "empty_text" if text is not None and not text.strip() and element.redirect is None else None


def _checked_title(values: dict[str, str]) -> str:
    """The title of a page; _PageError for a title that is missing or not valid."""
    title = values.get("page/title")
    if title is None:
        raise _PageError("missing_element", "no <title>")
    if not title.strip() or _CONTROL.search(title) or len(title.encode()) > MAX_TITLE_BYTES:
        raise _PageError("bad_value", f"title {title[:100]!r}")
    return title


def _checked_id(values: dict[str, str], key: str) -> int:
    """The id under a key of `_PageElement.values`; _PageError for an id that is missing or not valid."""
    value = values.get(key)
    if value is None:
        raise _PageError("missing_element", f"no <id> in <{key.split('/')[0]}>")
    number = _known_id(values, key)
    if not number:
        raise _PageError("bad_value", f"{key} {value[:100]!r}")
    return number


def _known_id(values: dict[str, str], key: str) -> int:
    """The id under a key; 0 for an id that is missing or not valid."""
    value = values.get(key, "")
    return int(value) if re.fullmatch(r"\s*[0-9]{1,18}\s*", value) else 0
