"""Replaces links to the web: [http://example.org label] by its label; a bare address stays (handleExternalLinks)."""

import re

from mlukit.corpus.wikitext.markers import GAP, TAG, TAG_END

# Source: MediaWiki 1.39, includes/MainConfigSchema.php, UrlProtocols.
PROTOCOLS = [
    *("bitcoin:", "ftp://", "ftps://", "geo:", "git://", "gopher://", "http://", "https://", "irc://", "ircs://"),
    *("magnet:", "mailto:", "matrix:", "mms://", "news:", "nntp://", "redis://", "sftp://", "sip:", "sips:", "sms:"),
    *("ssh://", "svn://", "tel:", "telnet://", "urn:", "worldwind://", "xmpp:", "//"),
]
_NO_ADDRESS = r"\]\[<>\"\x00-\x20\x7f\xa0\u1680\u2000-\u200a\u202f\u205f\u3000\ufffd"
# Italics and bold end an address, because MediaWiki has replaced them by tags: only literal apostrophes belong to it.
_APOSTROPHE = "'(?:(?!')|(?='''(?!')|'{5}))"
_ADDRESS = rf"(?:{GAP}|[^'{_NO_ADDRESS}]|{_APOSTROPHE})"  # a template may be in it
_HOST = rf"(?:\[[0-9a-fA-F:.]+\]|{_ADDRESS})"
_OPEN = re.compile(rf"\[(?:(?:{'|'.join(map(re.escape, PROTOCOLS))}){_HOST}|{GAP}){_ADDRESS}*+", re.IGNORECASE)
# An address without brackets; it does not include stops at its end (Parser::makeFreeExternalLink).
BARE_ADDRESS = rf"\b(?i:{'|'.join(map(re.escape, PROTOCOLS[:-1]))})(?:[,;.:!?]*+(?!'')[^,;.:!?{_NO_ADDRESS}])+"
STARTS_WITH_PROTOCOL = re.compile("|".join(map(re.escape, PROTOCOLS)), re.IGNORECASE)


def strip_external_links(text: str) -> str:
    """`text` with each link to the web replaced by its label, or by a gap without a label (MediaWiki shows [1])."""
    out: list[str] = []
    position = search_start = 0
    while link := _OPEN.search(text, search_start):
        close = text.find("]", link.end())
        if close < 0:
            break
        line = text.find("\n", link.end(), close)
        if line >= 0:
            search_start = line
            continue
        label = text[link.end() : close].lstrip(" \xa0\u3000")
        out += (text[position : link.start()], TAG + (label or GAP) + TAG_END)
        position = search_start = close + 1
    if not position:
        return text
    out.append(text[position:])
    return "".join(out)
