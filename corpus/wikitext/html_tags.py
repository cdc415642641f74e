"""HTML in wikitext: tags are removed; tables, hidden elements and boxes beside the text are removed with their content.

Which names are tags, and where a tag ends, is MediaWiki 1.39's Sanitizer::internalRemoveHtmlTags. Anything else
between angle brackets is text, as in MediaWiki.
"""

import re

from mlukit.corpus.wikitext.markers import BLOCK, BREAK, TAG, TAG_END

_INLINE = (
    "b bdi bdo del i ins u font big small sub sup cite code em s strike strong tt var ruby rb rp rt rtc span abbr dfn "
    "kbd samp data time mark q wbr meta link"
)
_BLOCKS = "h1 h2 h3 h4 h5 h6 div center blockquote ol ul dl caption pre p li dt dd hr td th tr table"
_SHOWN = dict.fromkeys(_INLINE.split(), TAG) | dict.fromkeys(_BLOCKS.split(), BLOCK) | {"br": BREAK}

_TAG = re.compile(r"<(/?)([a-zA-Z][^\s/<>]*)([^<>]*)>")
_HIDDEN = re.compile(
    r"display\s*:\s*none|class\s*=\s*[\"']?[^\"'>]*(?<![\w-])(?:thumb|gallery|floatright|floatleft|floatnone|toc|references?)(?![\w-])",
    re.IGNORECASE,
)


_BARE_READING = re.compile(r"(?<!</rp>)<rt(?:\s[^<>]*)?>([^<>]*)</rt\s*>", re.IGNORECASE)
_CELL_EDGES = ("td", "th", "tr", "caption")
_EMPTY = ("wbr", "meta", "link")
_LONGEST_ATTRIBUTES = 2_000  # characters searched for an attribute that hides the element


def strip_html_tags(text: str, dropped: list[str]) -> str:
    """`text` without tags; block tags and <br> leave their markers.

    Args:
        text: wikitext.
        dropped: gets the content of the elements that are removed with their content.
    """
    if "<" not in text:
        return text
    if "<rt" in text:
        text = _BARE_READING.sub(_in_brackets, text)
    tags = [tag for tag in _TAG.finditer(text) if tag[2].lower() in _SHOWN]
    ends: dict[int, int] | None = None
    out: list[str] = []
    position = 0
    for tag in tags:
        if tag.start() < position:
            continue
        name = tag[2].lower()
        out += (text[position : tag.start()], _mark(tag, name))
        position = tag.end()
        if _removes_content(tag, name):
            ends = _ends_of_elements(tags) if ends is None else ends
            position = ends.get(position) or _end_of_unclosed(text, name, position)
            dropped.append(text[tag.end() : position])
    out.append(text[position:])
    return "".join(out)


def _in_brackets(reading: re.Match[str]) -> str:
    """A reading above a word, in brackets: without <rp> it has no brackets, and would run into the word."""
    shown = reading[1].strip()
    if not shown:
        return ""
    return f"({shown})" if shown.isascii() else f"（{shown}）"


def _mark(tag: re.Match[str], name: str) -> str:
    """The marker that replaces a tag."""
    if name == "table" and tag[1]:
        return "\n|}\n"  # it may close a {|
    shown = _SHOWN[name]
    if shown != TAG:
        return shown
    return TAG_END if tag[1] else TAG + TAG_END if tag[3].endswith("/") or name in _EMPTY else TAG


def _removes_content(tag: re.Match[str], name: str) -> bool:
    """Whether a tag opens an element that is removed with its content."""
    if tag[1] or tag[3].endswith("/"):
        return False
    return name == "table" or bool(tag[3] and _HIDDEN.search(tag[3], 0, _LONGEST_ATTRIBUTES))


def _ends_of_elements(tags: list[re.Match[str]]) -> dict[int, int]:
    """End of an opening tag -> end of the closing tag that belongs to it.

    As in HTML, a table that opens within another table, but not within one of its cells, ends the other table.
    """
    ends: dict[int, int] = {}
    opened: dict[str, list[int]] = {}
    in_cell: list[bool] = []  # of each open table
    for tag in tags:
        name = tag[2].lower()
        starts = opened.setdefault(name, [])
        if in_cell and name in _CELL_EDGES:
            in_cell[-1] = not tag[1] and name != "tr"
        elif name == "table":
            if tag[1]:
                del in_cell[-1:]
            else:
                if in_cell and not in_cell.pop() and starts:
                    ends[starts.pop()] = tag.start()
                in_cell.append(False)
        if not tag[1]:
            if not tag[3].endswith("/"):
                starts.append(tag.end())
        elif starts:
            ends[starts.pop()] = tag.end()
    return ends


def _end_of_unclosed(text: str, name: str, position: int) -> int:
    """Where an element without a closing tag ends: with the line, or with the page if it is a block."""
    end = text.find("\n", position) if _SHOWN[name] == TAG else -1
    return len(text) if end < 0 else end
