"""Reads dumps: each page becomes an element."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

import apache_beam as beam
from apache_beam.pvalue import TaggedOutput

from mlukit.corpus.dumps.files import DumpError, FileInfo, find_dumps
from mlukit.corpus.dumps.pages import PAGE_FAILURES, PageReader, SkippedPage
from mlukit.corpus.dumps.ranges import DumpRange, plan_ranges
from mlukit.corpus.dumps.siteinfo import read_headers
from mlukit.corpus.languages.load import any_language, with_namespaces
from mlukit.corpus.titles.normalise import namespace_of
from mlukit.engine.counters import DAMAGE, PAGES, count
from mlukit.engine.storage import match_files, open_file
from mlukit.schemas.records import Failure, Page
from mlukit.transforms.elements.joins import FAILURES, check_input

_LOG = logging.getLogger(__name__)
STAGE = "link"  # the stage in failures, the same as in the command


@beam.typehints.with_output_types(Page)
class ReadPages(beam.PTransform):
    """Reads the pages of the article namespace from the dump of one Wikipedia.

    Input: the pipeline. Output: `pages`, a PCollection of `Page`; and `failures`, a PCollection of `Failure` for pages
    that cannot be read and for damage of the dump. Pages that are left out are counted by reason, see
    `corpus.dumps.pages.SKIP_REASONS`.

    The dump may be compressed (.bz2, .gz, .xz, .zst, .7z). Workers read ranges of the dump; a file of bzip2 or plain
    XML has several ranges.

    Args:
        patterns: the files of the dump, on any filesystem that Beam supports: paths, or patterns with *.
        language: the code of the Wikipedia, such as "en".
        range_size: bytes of a file on disk that make one range; None to choose it by the size of the dump.
        foreign_header: whether the header of the dump may name another wiki, like the flag `--foreign-header`.

    Attributes:
        namespaces: the names in the header of the dump, for `ParsePages`.

    Raises:
        DumpError: no file matches a pattern, a file is not a dump, or its header names another wiki.
        ValueError: no Wikipedia has this code.
    """

    def __init__(
        self,
        patterns: str | Sequence[str],
        language: str,
        *,
        range_size: int | None = None,
        foreign_header: bool = False,
    ) -> None:
        super().__init__()
        any_language(language)
        files = dict.fromkeys(
            chain.from_iterable(map(_matching, [patterns] if isinstance(patterns, str) else patterns))
        )
        if not files:
            raise DumpError("ReadPages got no pattern; accepted: one or more, such as enwiki-*.xml.bz2")
        dump = find_dumps([], [language], chosen={language: list(files)}, tables=()).sets[language]
        site = read_headers(
            open_file,
            language,
            dump.files,
            foreign_header=foreign_header,
            option="foreign_header=True",
            warn=_LOG.warning,
        )
        self.namespaces: Mapping[int, str] = site.namespaces
        self._ranges = plan_ranges(language, dump.files, range_size)

    def expand(self, pipeline: Any) -> Any:
        """Reshuffles the ranges, because a runner would otherwise fuse all of them into one bundle."""
        check_input(self, pipeline, begins=True)
        read = beam.ParDo(_ReadRange(self.namespaces)).with_output_types(Page, failures=Failure)
        return (
            pipeline
            | "Ranges" >> beam.Create(self._ranges, reshuffle=False)
            | "Spread" >> beam.Reshuffle()
            | "Read" >> read.with_outputs(FAILURES, main="pages")
        )


def _matching(pattern: str) -> list[FileInfo]:
    found = match_files([pattern])
    if not found:
        raise DumpError(f"{pattern}: there is no such file")
    return [FileInfo(file.path, file.size_in_bytes) for file in found]


class _ReadRange(beam.DoFn):
    """Reads the pages of a range, and counts the pages."""

    def __init__(self, namespaces: Mapping[int, str]) -> None:
        self._namespaces = dict(namespaces)

    def process(self, dump_range: DumpRange) -> Iterator[Any]:
        language = with_namespaces(any_language(dump_range.language), self._namespaces)
        for record in PageReader(
            open_file, dump_range, STAGE, namespace_of_title=lambda title: namespace_of(title, language)
        ):
            _count(record)
            if isinstance(record, Page):
                yield record
            elif isinstance(record, Failure):
                yield TaggedOutput(FAILURES, record)


def _count(record: Page | SkippedPage | Failure) -> None:
    if isinstance(record, Failure) and record.reason not in PAGE_FAILURES:  # damage of the dump, not of a page
        count(f"{DAMAGE} {record.reason}")
        return
    count(f"{PAGES} in")
    if isinstance(record, SkippedPage):
        count(f"{PAGES} skipped: {record.reason}")
    elif isinstance(record, Failure):
        count(f"{PAGES} failed: {record.reason}")
