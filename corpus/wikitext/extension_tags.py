"""Comments and extension tags (<ref>, <nowiki>, <math>, …): MediaWiki removes them before it reads other markup.

The rules come from MediaWiki 1.39's Preprocessor_Hash::buildDomTreeArrayFromText: one scan from left to right. A tag
ends at the first ">", and its content ends at the first closing tag with the same name; without a closing tag, the
opening tag is text. A comment that is alone on its line is removed together with the line.
"""

import re
from dataclasses import dataclass, field

from mlukit.corpus.wikitext.markers import BLOCK, BREAK, GAP, KEPT, TAG, TAG_END

_NOTHING = ("ref", "includeonly", "section", "templatestyles", "templatedata", "indicator")
_INLINE = ("math", "chem", "ce", "hiero", "maplink", "phonos")
_BLOCKS = (
    "gallery", "references", "timeline", "score", "graph", "mapframe", "imagemap", "inputbox", "categorytree",
)  # fmt: skip
_CODE = ("syntaxhighlight", "source")
_TEXT = ("nowiki", "pre", "poem")
_IGNORED = ("noinclude", "/noinclude", "onlyinclude", "/onlyinclude", "langconvert", "/langconvert")
_NAMES = (*_NOTHING, *_INLINE, *_BLOCKS, *_CODE, *_TEXT)

_OPEN = re.compile(rf"<(?:!--|({'|'.join((*_NAMES, *_IGNORED))})(?=\s|/?>))", re.IGNORECASE)
_CLOSE = {name: re.compile(rf"</{name}\s*>", re.IGNORECASE) for name in _NAMES}
_LIST_OR_RULE = re.compile("[*#;]|----")
_INDENT = re.compile("^:+", re.MULTILINE)
_BLANK = re.compile(r"[ \t]*")


@dataclass(slots=True)
class Stripped:
    """Texts taken out of a page: `kept` texts come back unchanged, `dropped` texts are only searched for links."""

    kept: list[str] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    unclosed_tables: list[str] = field(default_factory=list)  # tables without an end: their texts, to the page's end

    def leave_unclosed(self, text: str) -> None:
        """Removes the text of a table without an end, which reaches to the end of the page."""
        self.dropped.append(text)
        self.unclosed_tables.append(text)

    def keep(self, text: str) -> str:
        """Stores `text`, and returns a marker that stands for it until the page is assembled."""
        self.kept.append(text.replace("\n", " "))
        return f"{KEPT}{len(self.kept) - 1}{KEPT}"


def strip_extension_tags(text: str, stripped: Stripped) -> str:
    """`text` with comments and extension tags replaced by the text that a reader sees, or by markers."""
    if "<" not in text:
        return text
    out: list[str] = []
    position = 0
    unclosed: set[str] = set()  # names without a closing tag from here on, so that each is searched for once
    tag = _OPEN.search(text)
    while tag:
        name = tag[1]
        if name is None:
            start, end = _comment(text, tag.start())
            shown = ""
        else:
            start = tag.start()
            end, shown = _element(text, tag, name.lower(), unclosed, stripped)
        out += (text[position : max(position, start)], shown)
        position = end
        tag = _OPEN.search(text, position)
    out.append(text[position:])
    return "".join(out)


def _comment(text: str, start: int) -> tuple[int, int]:
    """(start, end) of the comment at `start`, or of its whole line if the line has nothing but comments."""
    close = text.find("-->", start + 4)
    if close < 0:
        return start, len(text)
    line = start
    while line and text[line - 1] in " \t":
        line -= 1
    end = close + 3
    if not line or text[line - 1] != "\n":
        return start, end
    line_end = _after_blank(text, end)
    while text.startswith("<!--", line_end):
        close = text.find("-->", line_end + 4)
        if close < 0:
            break
        line_end = _after_blank(text, close + 3)
    return (line, line_end + 1) if text.startswith("\n", line_end) else (start, end)


def _after_blank(text: str, position: int) -> int:
    """The end of the spaces and tabs that begin at `position`."""
    blank = _BLANK.match(text, position)
    return blank.end() if blank else position


def _element(text: str, tag: re.Match[str], name: str, unclosed: set[str], stripped: Stripped) -> tuple[int, str]:
    """(end of the element that `tag` opens, text that replaces the element)."""
    close = text.find(">", tag.end())
    if close < 0:
        return len(text), text[tag.start() :]
    if name in _IGNORED:
        return close + 1, ""
    if text[close - 1] == "/":
        return close + 1, _shown(name, "", "", stripped)
    end = None if name in unclosed else _CLOSE[name].search(text, close + 1)
    if end is None:
        if name == "includeonly":
            return len(text), ""
        unclosed.add(name)
        return close + 1, text[tag.start() : close + 1]
    return end.end(), _shown(name, text[tag.end() : close], text[close + 1 : end.start()], stripped)


def _shown(name: str, attributes: str, content: str, stripped: Stripped) -> str:
    """The text that replaces an element."""
    if name == "nowiki":
        return stripped.keep(content)
    if name == "pre":
        content = content.replace("<nowiki>", "").replace("</nowiki>", "")
        return BLOCK + BREAK.join(stripped.keep(line) for line in content.split("\n")) + BLOCK
    if name == "poem":
        lines = _INDENT.sub("", strip_extension_tags(content, stripped)).split("\n")
        return "\n".join(f"\n{line}\n" if _LIST_OR_RULE.match(line) else f"{BLOCK}{line}{BLOCK}" for line in lines)
    if name in _INLINE:
        return GAP
    if "[[" in content:
        stripped.dropped.append(content)
    if name in _CODE:
        return GAP if "inline" in attributes else BLOCK
    return BLOCK if name in _BLOCKS else TAG + TAG_END
