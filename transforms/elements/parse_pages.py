"""Parses pages: each page becomes an article with links and with text without markup."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

import apache_beam as beam
from apache_beam.pvalue import TaggedOutput

from mlukit.corpus.languages.load import any_language, with_namespaces
from mlukit.corpus.wikitext.read_page import REDIRECT, ParsedPage, read_page
from mlukit.engine.counters import LINKS, PAGES, WIKITEXT_BYTES, count, count_flow, observe
from mlukit.schemas.manifest import Flow
from mlukit.schemas.records import Article, Failure, Page
from mlukit.transforms.elements.joins import FAILURES, check_input
from mlukit.transforms.elements.read_pages import STAGE


@beam.typehints.with_input_types(Page)
@beam.typehints.with_output_types(Article)
class ParsePages(beam.PTransform):
    """Parses the pages of one Wikipedia.

    Input: a PCollection of `Page`. Output: `articles`, a PCollection of `Article` with unresolved links; and
    `failures`, a PCollection of `Failure` for pages that the parser cannot parse. Redirects are counted and left out.

    Args:
        language: the code of the Wikipedia, such as "en".
        namespaces: the names in the header of the dump, `ReadPages.namespaces`. Without these names, a link to a
            namespace that is missing in the table of the language is treated as a link to an article.

    Raises:
        ValueError: no Wikipedia has this code.
    """

    def __init__(self, language: str, namespaces: Mapping[int, str] = MappingProxyType({})) -> None:
        super().__init__()
        any_language(language)
        self._parse = _ParsePage(language, namespaces)

    def expand(self, pages: Any) -> Any:
        """Parses each page, without a shuffle."""
        check_input(self, pages)
        parse = beam.ParDo(self._parse).with_output_types(Article, failures=Failure)
        return pages | "Parse" >> parse.with_outputs(FAILURES, main="articles")


class _ParsePage(beam.DoFn):
    """Parses a page, and counts pages and links; failures go to the tagged output."""

    def __init__(self, language: str, namespaces: Mapping[int, str]) -> None:
        self._code, self._namespaces = language, dict(namespaces)

    def setup(self) -> None:
        self._language = with_namespaces(any_language(self._code), self._namespaces)

    def process(self, page: Page) -> Iterator[Any]:
        observe(WIKITEXT_BYTES, len(page.text.encode()))
        read = read_page(page, self._language, STAGE)
        if isinstance(read, ParsedPage):
            article, left_out, failures = read
            count(f"{PAGES} out")
            kept = len(article.links)
            count_flow(LINKS, Flow(kept + left_out.total(), kept, skipped=left_out))
            yield article
            for failure in failures:
                count(f"{PAGES} with {failure.reason}")
                yield TaggedOutput(FAILURES, failure)
        elif isinstance(read, Failure):
            count(f"{PAGES} failed: {read.reason}")
            yield TaggedOutput(FAILURES, read)
        else:
            count(f"{PAGES} skipped: {REDIRECT}")
