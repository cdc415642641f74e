"""Parses the wikitext of one page."""

from mlukit.corpus.languages.load import any_language
from mlukit.corpus.wikitext.parse import parse_wikitext
from mlukit.corpus.wikitext.parsed_text import ParsedText


def parse(wikitext: str, title: str = "", language: str = "en") -> ParsedText:
    """Parses wikitext to text without markup, and to the links, sections and paragraphs of this text.

    Offsets count code points of `text`, and the end is exclusive. A page that is a redirect is parsed like any page.

    Args:
        wikitext: the wikitext of a page, or of a part of it.
        title: the title of the page: a link to the page itself is no link, and `{{PAGENAME}}` is the title.
        language: the code of the Wikipedia, which decides the names of namespaces, the templates and the link trails.

    Raises:
        ValueError: no Wikipedia has this code, or the wikitext is over a limit of the parser.
    """
    return parse_wikitext(wikitext, title, any_language(language))
