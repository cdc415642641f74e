"""The running text of a page's wikitext as its author sees it, found without parsing; for `literal_markup`.

Templates, formulas, pictures and notes are cut out and leave a mark, because the extractor may have caused the
characters beside them. Links become their labels; tags, italics and entities are read. Broken markup stays, as on
MediaWiki's page.
"""

import re
from collections.abc import Iterator

from mlukit.corpus.audit.bracket_scan import Place, Token, pair_edges, read_tokens
from mlukit.corpus.languages.language import Language
from mlukit.corpus.titles.normalise import decode_entities, normalise_title

CUT = "\x1e"  # a template or a formula, whose text is unknown. Patterns take it for white space; XML does not allow it
NOTE = "\uffff"  # a note or a picture: a reader sees a number or the picture, but no text
_BLANK = " \t"

_HIDDEN_NAMESPACES = (6, 14)  # File, Category
_KEPT_MARK, _KEPT_END, _TAG, _BLOCK, _COMMENT = "\ue000\ue001\ue002\ue003\ue004"  # marks that are replaced at the end
_EDGE_OF: dict[Place, str] = {"template": CUT, "table": _BLOCK, "note": NOTE, "picture": _BLOCK, "text": ""}
_TARGET = re.compile(r"[^\[\]|{}\n]{1,300}")
_KEPT = re.compile(r"</?(?:nowiki|pre)\b[^<>]*>", re.IGNORECASE)
_LINK = re.compile(r"\[\[([^\[\]|\n]*)((?:\|[^\[\]]*)?)\]\]")
_ADDRESS = re.compile(r"\[(?:(?:https?|ftp):)?//[^\s\[\]]+ *([^\]\n]{0,600})\]|\[mailto:[^\s\[\]]+ *([^\]\n]{0,600})\]")
_CITED = re.compile(r"<ref\b[^<>]*/>", re.IGNORECASE)
_BLOCK_TAG = re.compile(
    r"</?(?:br|div|center|blockquote|[ou]l|d[ldt]|li|p|h[1-6r]|t[rdh]|caption|poem|gallery|references)\b[^<>]*>", re.I
)
_INLINE_TAG = re.compile(
    r"</?(?:[bisuq]|b(?:di|do|ig)|del|ins|font|small|su[bp]|cite|code|em|strike|strong|tt|var|r[bpt]|rtc|ruby|span|abbr"
    r"|dfn|kbd|samp|data|time|mark|wbr|meta|link|noinclude|onlyinclude|section|templatestyles)(?:[\s/][^<>]*)?>",
    re.IGNORECASE,
)
_QUOTES = re.compile("''+")
_ENTITY = re.compile(r"&[^&;\s]{1,40};")
_INVISIBLE = dict.fromkeys(map(ord, "\u00ad\u200b\u200e\u200f\ufeff"))
_KEPT_NUMBER = re.compile(f"{_KEPT_MARK}([0-9]+){_KEPT_END}")
_SPACES = re.compile(r"[ \t\u00a0]+")
_SPACED_CUTS = re.compile(f" ((?:[{CUT}{NOTE}] ?)+)(?<= )")
_NEW_LINE = re.compile(r"[*#:;]+|[ ](?=[ ]*\S)|-----*")


def visible_text(text: str, language: Language) -> str:
    """The paragraphs of a page's wikitext, one on each line, with CUT and NOTE where something was cut out.

    Time is linear in the text's length.
    """
    kept: list[str] = []
    bare = "".join(_running(text, language, kept))
    bare = _LINK.sub(lambda link: _label(link, language), bare)
    bare = _ADDRESS.sub(lambda link: link[1] or link[2] or CUT, bare)
    bare = _INLINE_TAG.sub(_TAG, _BLOCK_TAG.sub(_BLOCK, _CITED.sub(NOTE, bare)))
    bare = _QUOTES.sub(lambda run: "'" if len(run[0]) == 4 else "", bare)
    for switch in language.behaviour_switches if "__" in bare else ():
        bare = bare.replace(switch, "")
    bare = "\n".join(_paragraphs(bare)).replace(_TAG, "")
    bare = _KEPT_NUMBER.sub(lambda number: kept[int(number[1])], bare)
    bare = _ENTITY.sub(_character, bare).translate(_INVISIBLE)
    return _SPACED_CUTS.sub(lambda cuts: cuts[1].replace(" ", "") + " ", _SPACES.sub(" ", bare))


def _running(text: str, language: Language, kept: list[str]) -> Iterator[str]:
    """The pieces of the running text, with a mark for each cut; texts of <nowiki> and <pre> are added to `kept`."""
    tokens = read_tokens(text)
    edges = pair_edges(tokens)
    hidden_links = _hidden_links(text, tokens, language)
    position = depth = 0
    for number, token in enumerate(tokens):
        place, step = edges.get(number, hidden_links.get(number, ("text", 0)))
        if step > 0 or (token.role == "unread" and not depth):
            if not depth:
                yield text[position : token.start]
                yield _kept(text, token, kept) if token.role == "unread" else _EDGE_OF[place]
            position = token.end
            depth += step
        elif step < 0:
            depth += step
            position = token.end
    yield text[position:] if not depth else ""


def _kept(text: str, token: Token, kept: list[str]) -> str:
    """The text or the mark that replaces an element that is not read as wikitext."""
    if token.mark.startswith(("<nowiki", "<pre")):
        lines = _KEPT.sub("", text[token.start : token.end]).split("\n")
        kept += lines
        marks = [f"{_KEPT_MARK}{len(kept) - len(lines) + i}{_KEPT_END}" for i in range(len(lines))]
        return (_BLOCK + _BLOCK.join(marks) + _BLOCK) if token.mark.startswith("<pre") else " ".join(marks)
    return _COMMENT if token.mark.startswith(("<!--", "<includeonly", "<templatedata")) else CUT


def _hidden_links(text: str, tokens: list[Token], language: Language) -> dict[int, tuple[Place, int]]:
    """Links that show no text: pictures, categories, other languages; by the numbers of their brackets."""
    found: dict[int, tuple[Place, int]] = {}
    opened: list[tuple[int, bool]] = []
    for number, token in enumerate(tokens):
        if token.role == "link":
            target = _TARGET.match(text, token.end)
            title = normalise_title(target[0], language) if target and ":" in target[0] else None
            shown = (
                title is None
                or title.leading_colon
                or not (title.interlanguage or title.namespace in _HIDDEN_NAMESPACES)
            )
            opened.append((number, not shown))
        elif token.role == "end" and opened:
            start, is_hidden = opened.pop()
            if is_hidden:
                found[start], found[number] = ("note", 1), ("note", -1)
    return found


def _label(link: re.Match[str], language: Language) -> str:
    """The text that a link shows; a link without a valid target stays as it is written."""
    if CUT not in link[1] and normalise_title(link[1], language) is None:
        return link[0]
    return link[2][1:] or link[1].removeprefix(":")


def _character(entity: re.Match[str]) -> str:
    """The character of an entity; an entity without a character stays."""
    character = decode_entities(entity[0])
    return entity[0] if character == "\ufffd" else character


def _paragraphs(text: str) -> Iterator[str]:
    """Joins the lines of each paragraph, and removes the marks of lists and headings."""
    joined: list[str] = []
    for written in text.split("\n"):
        line = written.replace(_COMMENT, "")
        if line != written and not line.strip(_BLANK):
            continue  # a comment removes its line
        start = _NEW_LINE.match(line)
        heading = line[:1] == "=" and line.rstrip(_BLANK).endswith("=")
        alone = start is not None or heading or _BLOCK in line
        if alone or not line.strip() or line[0] in "|!":
            yield " ".join(joined)
            joined = []
        if alone:
            line = line.strip(_BLANK + "=") if heading else line[start.end() if start else 0 :]
            yield from (part.strip(_BLANK) for part in line.split(_BLOCK))
        elif line.strip():
            joined.append(CUT if line[0] in "|!" else line)
    yield " ".join(joined)
