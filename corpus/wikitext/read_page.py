"""Converts a page of a dump to an article with text and links, or to a failure with the reason."""

import traceback
from collections import Counter
from typing import NamedTuple

from mlukit.corpus.languages.language import Language
from mlukit.corpus.titles.normalise import page_title
from mlukit.corpus.titles.page_kind import classify
from mlukit.corpus.titles.redirect_target import redirect_target
from mlukit.corpus.wikitext.markers import without_markers
from mlukit.corpus.wikitext.parse import parse_wikitext
from mlukit.corpus.wikitext.parsed_text import WikitextError
from mlukit.schemas.records import Article, Failure, Page, PageTitle

REDIRECT = "redirect"  # the reason under which redirects are counted
WIKITEXT_FAILURES = {
    "wikitext_limits": "the page is over a limit of the wikitext parser",
    "wikitext_error": "the wikitext parser failed on the page, which is a defect of the parser",
}
_SHOWN_OF_TABLE = 80  # characters of its wikitext
UNCLOSED_TABLE = (
    "unclosed_table"  # a table has no end: the rest of the page is in it, and is left out as MediaWiki does
)


class ParsedPage(NamedTuple):
    """The article of a page, the links that were left out, by reason, and a failure for each text that was left out."""

    article: Article
    left_out: Counter[str]
    failures: tuple[Failure, ...] = ()


def read_page(page: Page, language: Language, stage: str) -> ParsedPage | PageTitle | Failure:
    """Converts a page to an article, a redirect, or a failure for a reason of `WIKITEXT_FAILURES`.

    An article may have failures for `UNCLOSED_TABLE`: it loses text, but is still an article.

    Args:
        page: the page.
        language: the language of the page, with the names of namespaces in the dump's header.
        stage: `Failure.stage`.
    """
    if redirect := redirect_title(page, language):
        return redirect
    try:
        return parse_page(page, language, stage)
    except WikitextError as error:
        reason, detail = "wikitext_limits", str(error)
    except Exception:  # one page must not end the run, and its failure is recorded
        reason, detail = "wikitext_error", traceback.format_exc(limit=-3)
    return Failure(stage, reason, language.code, page.page_id, page.title, detail)


def redirect_title(page: Page, language: Language) -> PageTitle | None:
    """The facts about a redirect for the title index; None for other pages."""
    written = page.redirect
    target = redirect_target(page.text, language) if written is None else page_title(written, language)
    if written is None and target is None:
        return None
    inside = target is not None and target.namespace == 0 and target.language == language.code
    return PageTitle(page.page_id, page.title, target.title if inside and target else "", (), page.revision_id)


def known_title(page: Page, language: Language) -> PageTitle:
    """The facts for the title index about a page without an article, which may be a redirect."""
    return redirect_title(page, language) or PageTitle(page.page_id, page.title, None, (), page.revision_id)


def parse_page(page: Page, language: Language, stage: str) -> ParsedPage:
    """The article of a page that is not a redirect; `stage` is the stage in its failures.

    Raises:
        WikitextError: the page is over a limit.
    """
    parsed = parse_wikitext(page.text, page.title, language)
    article = Article(
        language=language.code,
        page_id=page.page_id,
        revision_id=page.revision_id,
        title=page.title,
        kind=classify(page.title, 0, parsed.templates, parsed.categories, language),
        text=parsed.text,
        paragraphs=parsed.paragraphs,
        sections=parsed.sections,
        links=parsed.links,
        interlanguage=parsed.interlanguage,
    )
    failures = tuple(
        Failure(stage, UNCLOSED_TABLE, language.code, page.page_id, page.title, _unclosed(table))
        for table in parsed.unclosed_tables
    )
    return ParsedPage(article, Counter(parsed.left_out), failures)


def _unclosed(table: str) -> str:
    """The detail of a failure for `UNCLOSED_TABLE`."""
    shown = without_markers(table[:_SHOWN_OF_TABLE])
    return f"the rest of the page is in a table without an end, {len(table):,} characters: {shown!r}"
