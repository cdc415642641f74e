"""Parses wikitext to text with links; the steps have the same order as in MediaWiki."""

import re
from collections import Counter
from functools import cache

from mlukit.corpus.languages.language import Language
from mlukit.corpus.titles.normalise import Title, normalise_title
from mlukit.corpus.wikitext.assemble import assemble
from mlukit.corpus.wikitext.blocks import Paragraphs
from mlukit.corpus.wikitext.extension_tags import Stripped, strip_extension_tags
from mlukit.corpus.wikitext.external_links import strip_external_links
from mlukit.corpus.wikitext.html_tags import strip_html_tags
from mlukit.corpus.wikitext.line_marks import mark_lines
from mlukit.corpus.wikitext.markers import without_markers
from mlukit.corpus.wikitext.parsed_text import ParsedText, WikitextError
from mlukit.corpus.wikitext.parser_functions import Functions
from mlukit.corpus.wikitext.tables import strip_tables
from mlukit.corpus.wikitext.template_table import load_template_table
from mlukit.corpus.wikitext.templates import TemplateReader
from mlukit.corpus.wikitext.variants import resolve_variants
from mlukit.corpus.wikitext.wikilinks import LinkReader

MAX_CHARACTERS = 8_000_000  # MediaWiki's own limit is 2 MiB

_TARGET = re.compile(r"\[\[([^\[\]|{}\n]+)")


def parse_wikitext(text: str, title: str, language: Language, *, show_templates: bool = True) -> ParsedText:
    """The text of a page, and the links of its running text.

    Args:
        text: the page's wikitext.
        title: the page's title.
        language: the language of the page's Wikipedia.
        show_templates: whether templates show the text that the tables of the language say; False for the audit.

    Raises:
        WikitextError: the page is longer than MAX_CHARACTERS.
    """
    if len(text) > MAX_CHARACTERS:
        raise WikitextError(
            "page too long", f"the page has {len(text):,} characters; accepted: at most {MAX_CHARACTERS:,}"
        )
    table = load_template_table(language.code)
    stripped = Stripped()
    templates = TemplateReader(table, Functions(title, table, stripped), show_templates)
    page = normalise_title(title, language) or Title(language.code, 0, title)
    links = LinkReader(page, language, table.picture_places)

    text = strip_extension_tags(without_markers(text), stripped)
    text = templates.expand(text)
    text = strip_html_tags(text, stripped)
    text = strip_tables(text, stripped)
    if "__" in text:
        text = _switches(language).sub("", text)
    text = resolve_variants(mark_lines(text), language)
    text = strip_external_links(links.replace(text))
    paragraphs = Paragraphs().read(text)
    result = assemble(paragraphs, stripped.kept, links.targets, language.code)

    left_out = links.left_out + Counter({"empty anchor": result.empty_anchors})
    left_out["outside text"] += _outside(links, [*stripped.dropped, *templates.dropped, *links.dropped])
    lost = len(links.targets) - len(result.links) - result.empty_anchors
    left_out["lost line"] += lost
    return ParsedText(
        text=result.text,
        paragraphs=tuple(result.paragraphs),
        sections=tuple(result.sections),
        links=tuple(result.links),
        interlanguage=tuple(links.interlanguage),
        categories=tuple(links.categories),
        templates=tuple(templates.names),
        left_out=+left_out,
        unclosed_tables=tuple(stripped.unclosed_tables),
    )


@cache
def _switches(language: Language) -> re.Pattern[str]:
    """Matches behaviour switches such as __NOTOC__."""
    words = sorted(language.behaviour_switches | {"__TOC__", "__NOTOC__", "__FORCETOC__", "__NOEDITSECTION__"})
    return re.compile("|".join(map(re.escape, words)), re.IGNORECASE)


def _outside(links: LinkReader, dropped: list[str]) -> int:
    """The number of links to articles in the parts that were left out; adds the categories in them to the page's."""
    count = 0
    for target in _TARGET.findall("\n".join(dropped)):
        if ":" not in target:
            count += not target.startswith("#")
            continue
        title = normalise_title(target, links.language)
        if title is None:
            continue
        if title.namespace == 0 and title.language is not None:
            count += not title.interlanguage
        elif title.namespace == 14 and not title.leading_colon and title.language == links.language.code:
            links.categories[title.title.partition(":")[2]] = None
    return count
