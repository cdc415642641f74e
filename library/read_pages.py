"""Reads the pages of a dump on this machine."""

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from mlukit.corpus.dumps.files import DumpError
from mlukit.corpus.dumps.pages import PageReader
from mlukit.corpus.dumps.ranges import DumpRange
from mlukit.corpus.dumps.siteinfo import read_siteinfo
from mlukit.corpus.languages.language import Language
from mlukit.corpus.languages.load import any_language, with_namespaces
from mlukit.corpus.languages.wiki_names import language_of
from mlukit.corpus.titles.normalise import namespace_of
from mlukit.schemas.records import Failure, Page

_LOG = logging.getLogger(__name__)
_STAGE = "link"  # in failures, as in the command of the same name


def log_failure(failure: Failure) -> None:
    """Logs a warning that names the page, or the damage of the dump."""
    _LOG.warning("%s: page %s %r: %s", failure.reason, failure.page_id, failure.title, failure.detail)


def read_pages(
    dump: str | Path, language: str | None = None, *, on_failure: Callable[[Failure], None] = log_failure
) -> Iterator[Page]:
    """Reads the pages of a dump's main namespace one after the other, redirects included.

    Memory does not grow with the dump. As in a build, pages without text and pages that are not wikitext are left out.

    Args:
        dump: a file of MediaWiki's XML export, plain or as .bz2, .gz, .xz, .zst or .7z.
        language: the code of the Wikipedia; None to take the code from the header of the dump.
        on_failure: called with each page that cannot be read, and with each damage of the dump.

    Raises:
        DumpError: the file is missing or is not a dump.
        ValueError: no Wikipedia has this code, or the header does not name the wiki.
    """
    path = str(dump)
    if not Path(dump).is_file():
        raise DumpError(f"{path}: there is no such file")
    size = Path(dump).stat().st_size
    site = read_siteinfo(_open, path, size)
    code = language or language_of(site.wiki or "")
    if code is None:
        raise ValueError(f"the header of {path} names no Wikipedia ({site.wiki!r}): give its code, such as 'en'")
    known = with_namespaces(any_language(code), site.namespaces)
    return _read(DumpRange(code, path, size, 0, size, 0), known, on_failure)


def _read(whole: DumpRange, language: Language, on_failure: Callable[[Failure], None]) -> Iterator[Page]:
    """Yields the pages of a dump, which is one range."""
    for record in PageReader(_open, whole, _STAGE, namespace_of_title=lambda title: namespace_of(title, language)):
        if isinstance(record, Page):
            yield record
        elif isinstance(record, Failure):
            on_failure(record)


def _open(path: str) -> BinaryIO:
    return Path(path).open("rb")
