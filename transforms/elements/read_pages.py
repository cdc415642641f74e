"""Reads dumps: each page is an element."""

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
STAGE = "link"  # of failures, as the command of this name has them


@beam.typehints.with_output_types(Page)
class ReadPages(beam.PTransform):
    """Reads the pages of a Wikipedia's dump, in namespace 0.

    In: the pipeline. Out: `pages`, a PCollection of `Page`, and `failures`, one of `Failure`, for pages that cannot be
    read and for damage of the dump. Pages that are left out are counted, see `corpus.dumps.pages.SKIP_REASONS`.

    The dump is cut into ranges, of bzip2 and of plain XML several a file, which are dealt out to the workers. It may
    be compressed (.bz2, .gz, .xz, .zst, .7z).

    Args:
        patterns: of the dump or all its parts, on any filesystem that Beam knows: a file, or a pattern with *.
        language: the code of the Wikipedia, such as "en".
        range_size: in bytes of the file on disk; if None it follows from the dump's size.
        foreign_header: whether the dump's header may name another wiki, as `--foreign-header` of the commands.

    Attributes:
        namespaces: the names in the dump's header, for `ParsePages`.

    Raises:
        DumpError: nothing matches a pattern, a file is no dump, or its header names another wiki.
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
            raise DumpError("ReadPages is given no pattern; accepted: one or more, such as enwiki-*.xml.bz2")
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
        """Reshuffles, or a runner would fuse all ranges into one bundle."""
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
    """The pages of a range."""

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
    if isinstance(record, Failure) and record.reason not in PAGE_FAILURES:  # damage of the dump is no page
        count(f"{DAMAGE} {record.reason}")
        return
    count(f"{PAGES} in")
    if isinstance(record, SkippedPage):
        count(f"{PAGES} skipped: {record.reason}")
    elif isinstance(record, Failure):
        count(f"{PAGES} failed: {record.reason}")
