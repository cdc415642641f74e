"""Parses wikitext: from the markup of a page to its text and links."""

from mlukit.corpus.wikitext.parse import MAX_CHARACTERS, parse_wikitext
from mlukit.corpus.wikitext.parsed_text import LEFT_OUT, ParsedText, WikitextError

__all__ = ["LEFT_OUT", "MAX_CHARACTERS", "ParsedText", "WikitextError", "parse_wikitext"]
