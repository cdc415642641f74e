"""Reads the beginning of a dump: checks that the file is a dump, and finds the facts about its wiki."""

import codecs
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import unescape

from mlukit.corpus.dumps.files import DumpError, FileInfo
from mlukit.corpus.dumps.ranges import DumpRange, OpenFile, read_chunks
from mlukit.corpus.languages.wiki_names import wiki_of

_HEAD_BYTES = 1 << 16  # site information takes some 5,000 bytes
_ACCEPTED = "accepted: MediaWiki's XML export, plain or as .bz2, .gz, .xz, .zst or .7z"


@dataclass(frozen=True, slots=True)
class SiteInfo:
    """The facts about the wiki in a dump's header, before the first page."""

    language: str | None  # of <mediawiki xml:lang="…">
    wiki: str | None  # <dbname>, or the wiki of the address in <base>: dumps before export-0.9 have no <dbname>
    namespaces: Mapping[int, str]  # number -> name; 0 -> ""

    def namespace_of(self, title: str) -> int:
        """The namespace of a title, by the names in the header; for dumps before export-0.6, which lack <ns>."""
        prefix, colon, _ = title.partition(":")
        numbers = {name: number for number, name in self.namespaces.items()}
        return numbers.get(prefix, 0) if colon else 0


class ForeignHeaderError(DumpError):
    """The header of a dump names another wiki than the dump is given for."""


def read_headers(
    open_file: OpenFile,
    language: str,
    files: Sequence[FileInfo],
    *,
    foreign_header: bool,
    option: str,
    warn: Callable[[str], None],
) -> SiteInfo:
    """Reads the headers of a dump's files, and returns the first header.

    Args:
        open_file: opens a file.
        language: the code of the Wikipedia that the dump is given for.
        files: the dump, or all its parts; at least one.
        foreign_header: whether headers may name another wiki.
        option: the option that allows another wiki, as the user writes it.
        warn: called with a message if a header does not name its wiki.

    Raises:
        ForeignHeaderError: a header names another wiki.
        DumpError: see `check_dump`.
    """
    sites = [read_siteinfo(open_file, file.path, file.size) for file in files]
    if not foreign_header:
        for site, file in zip(sites, files, strict=True):
            if warning := _check_wiki(site, file.path, language, option):
                warn(f"{language}: {warning}")
    return sites[0]


def _check_wiki(site: SiteInfo, path: str, language: str, option: str) -> str:
    """A warning if a header does not name its wiki, else ""; ForeignHeaderError if it names another one."""
    expected = wiki_of(language)
    if site.wiki is None:
        return f"the header of {path} does not name its wiki, so mlukit cannot check that the pages are from {expected}"
    if site.wiki != expected:
        raise ForeignHeaderError(
            f"{path} is given for the language {language!r}, whose wiki is {expected}, but the header of the file says "
            f"{site.wiki}: name a dump of {expected}; if the pages are from {expected} in spite of the header, add "
            f"{option}"
        )
    return ""


def check_dump(open_file: OpenFile, path: str, size: int) -> bytes:
    """The XML before the first page of a dump, at most 64 KiB.

    Args:
        open_file: opens the file.
        path: the path of the file.
        size: the size of the file in bytes.

    Raises:
        DumpError: the file is missing, empty, damaged at its beginning or not a dump.
    """
    if size == 0:
        raise DumpError(f"{path} is empty; {_ACCEPTED}")
    try:
        head = _read_head(open_file, path, size)
    except OSError as error:
        raise DumpError(f"{path} cannot be read: {error}") from error
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise DumpError(f"{path} is in UTF-16; accepted: UTF-8, as MediaWiki writes it")
    if b"<!DOCTYPE" in head or b"<!ENTITY" in head:
        raise DumpError(f"{path} declares a document type or entities, which a dump never does; {_ACCEPTED}")
    if b"<mediawiki" not in head:
        raise DumpError(f"{path} is not a dump: it begins with {head[:60]!r}, without <mediawiki; {_ACCEPTED}")
    return head


def _read_head(open_file: OpenFile, path: str, size: int) -> bytes:
    """The XML before the first page, at most _HEAD_BYTES."""
    head = b""
    for chunk in read_chunks(open_file, DumpRange("", path, size, 0, size, 0)):
        if chunk.problem and not head:
            what = chunk.detail or chunk.problem
            raise DumpError(f"{path} cannot be read in the format that its name says ({what}); {_ACCEPTED}")
        head += chunk.data
        if chunk.problem or len(head) >= _HEAD_BYTES or b"<page>" in head:
            break
    if not head:
        raise DumpError(f"{path} has no content in the format that its name says; {_ACCEPTED}")
    return head[:_HEAD_BYTES].partition(b"<page>")[0]


def read_siteinfo(open_file: OpenFile, path: str, size: int) -> SiteInfo:
    """The site information of a dump; the arguments are the same as for `check_dump`.

    Raises:
        DumpError: see `check_dump`.
    """
    head = check_dump(open_file, path, size)
    language = re.search(rb'<mediawiki\b[^>]*\sxml:lang="([^"<>]{1,40})"', head)
    names = re.findall(rb'<namespace key="(-?\d{1,5})"[^>]*?(?:/>|>([^<]*)</namespace>)', head)
    return SiteInfo(
        language[1].decode("utf-8", "replace") if language else None,
        _wiki(head),
        {int(number): unescape(name.decode("utf-8", "replace"), {"&quot;": '"'}) for number, name in names},
    )


def _wiki(head: bytes) -> str | None:
    """The database of the wiki: from <dbname>, or from a Wikipedia's address in <base>: https://el.wikipedia.org/…."""
    if name := re.search(rb"<dbname>\s*([a-z0-9_]{1,60})\s*</dbname>", head):
        return name[1].decode()
    base = re.search(rb"<base>\s*https?://([a-z-]{2,40})\.wikipedia\.org/", head)
    return wiki_of(base[1].decode()) if base else None
