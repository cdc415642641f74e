"""What MediaWiki does to wikitext and mwparserfromhell does not, or does otherwise.

Each rule is applied to a page before mwparserfromhell reads it, or to what it read, in MediaWiki's own order. It is
written here as simply as the pages allow, and apart from our extractor's code, with one exception: `variants`.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from mlukit.corpus.audit.second_parser import EDGE, GAP, STOP
from mlukit.corpus.languages.language import Language
from mlukit.corpus.wikitext.markers import without_markers
from mlukit.corpus.wikitext.variants import resolve_variants

TRAIL = "link trail"
ENTITY = "entity in a target"
SELF_LINK = "self link"
TEMPLATE_TEXT = "template shows text"
EMPTY_ANCHOR = "empty anchor"
BRACKET = "bracket in an anchor"

_INLINE = "b|i|u|s|em|strong|small|big|sub|sup|span|font|cite|code|tt|del|ins|abbr|bdi|var|kbd|samp|strike|wbr"
_BLOCK = "div|center|blockquote|p|ol|ul|dl|li|dt|dd|td|th|tr|caption"
_BLOCK_TAG = re.compile(rf"<(/?)({_BLOCK})\b[^<>]*>", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Reading:
    """A page, and the rules for what was read of it that are applied already."""

    wikitext: str
    title: str
    language: Language
    rules: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule: its name is that of the class of differences that it explains."""

    name: str
    reason: str
    apply: Callable[[Reading], Reading]


def _on_reading(name: str, reason: str) -> Rule:
    return Rule(name, reason, lambda reading: replace(reading, rules=reading.rules | {name}))


def _on_text(name: str, reason: str, change: Callable[[str], str]) -> Rule:
    return Rule(name, reason, lambda reading: replace(reading, wikitext=change(reading.wikitext)))


def _replacing(pattern: str, instead: str, flags: re.RegexFlag = re.NOFLAG) -> Callable[[str], str]:
    compiled = re.compile(pattern, re.IGNORECASE | flags)
    return lambda text: compiled.sub(instead, text)


def _without_comments(text: str) -> str:
    text = re.sub(r"(?<=\n)(?:[ \t]*<!--(?:(?!-->).)*-->)+[ \t]*\n", "", text, flags=re.DOTALL)
    return re.sub("<!--.*?(?:-->|$)", "", text, flags=re.DOTALL)


def _without_templates(text: str) -> str:
    """Braces that belong together become gaps: only the innermost of what is open can be closed."""
    out: list[str] = []
    opened: list[tuple[str, int]] = []  # braces or brackets, and where in `out` they stand
    for token in re.split(r"(\{\{+|\}\}+|\[\[|\]\])", text):
        out.append(token)
        if token.startswith("{{") or token == "[[":
            opened.append((token, len(out) - 1))
        elif token == "]]" and opened and opened[-1][0] == "[[":
            opened.pop()
        while out[-1].startswith("}}") and opened and opened[-1][0].startswith("{{"):
            braces, offset = opened.pop()
            closing = out[-1]
            used = min(len(braces), len(closing), 3)
            out[offset:] = [braces[used:], GAP, closing[used:]]
            if len(braces) - used > 1:
                opened.append((braces[used:], offset))
    return "".join(out)


def _without_html_tables(text: str) -> str:
    text = re.sub(r"<table\b.*?</table *>", "\n\n", text, flags=re.DOTALL | re.IGNORECASE)
    return re.sub("</table *>", "\n|}\n", text, flags=re.IGNORECASE)


def _without_tables(text: str) -> str:
    """Text without {| … |}; what is never closed runs to the end."""
    out: list[str] = []
    depth = 0
    for line in text.split("\n"):
        code = line.lstrip(" \t:")
        if code.startswith("{|"):
            depth += 1
        if not depth:
            out.append(line)
        elif code.startswith("|}"):
            depth -= 1
            out.append("" if depth else "\n" + code[2:])
    return "\n".join(out)


def _without_table_code(text: str) -> str:
    text = re.sub(r"^[ \t]*\|[-}].*$", "", text, flags=re.MULTILINE)
    return re.sub(rf"({GAP}[ \t]*\n(?:[ \t]*\n)*)(?:[|!][^\n]*(?:\n|$))+", r"\1", text)


def _without_html_tags(text: str) -> str:
    """Text without inline tags, and without tags of blocks that lack their other half."""
    text = re.sub(rf"</?(?:{_INLINE})\b[^<>]*>", STOP, text, flags=re.IGNORECASE)
    alone: set[int] = set()
    opened: dict[str, list[int]] = {}
    for tag in _BLOCK_TAG.finditer(text):
        starts = opened.setdefault(tag[2].lower(), [])
        if not tag[1]:
            starts.append(tag.start())
        elif starts:
            starts.pop()
        else:
            alone.add(tag.start())
    alone.update(start for starts in opened.values() for start in starts)
    return _BLOCK_TAG.sub(lambda tag: EDGE if tag.start() in alone else tag[0], text)


def _without_quotes(text: str) -> str:
    return "\n".join(_without_quotes_in(line) if "''" in line else line for line in text.split("\n"))


def _without_quotes_in(line: str) -> str:
    """Runs of two, three and five are markup, what is beyond is text; three may be an apostrophe and two."""
    parts = re.split("(''+)", line)
    runs = {i: len(parts[i]) for i in range(1, len(parts), 2)}
    text = {i: 1 if size == 4 else max(0, size - 5) for i, size in runs.items()}
    marks = {i: size - text[i] for i, size in runs.items()}
    if sum(m != 2 for m in marks.values()) % 2 and sum(m != 3 for m in marks.values()) % 2:
        bold = [i for i, mark in marks.items() if mark == 3]
        if bold:
            text[min(bold, key=lambda i: _rank(parts[i - 1] + "'" * text[i]))] += 1
    for i in runs:
        parts[i] = "'" * text[i] + STOP
    return "".join(parts)


def _rank(before: str) -> int:
    """Which run of three is taken first: after a word of one letter, after a longer one, after a space."""
    if before[-1:] == " ":
        return 2
    return 0 if before[-2:-1] == " " else 1


RULES: tuple[Rule, ...] = (
    _on_reading(
        TRAIL,
        "Letters right behind `]]` belong to the anchor, in Arabic those before `[[` too: `[[dog]]s`. "
        "mwparserfromhell knows no trails.",
    ),
    _on_reading(ENTITY, "`[[A&nbsp;B]]` shows a space. mwparserfromhell leaves entities in a target as written."),
    _on_reading(SELF_LINK, "A link to the page that it stands on is no link."),
    _on_reading(
        TEMPLATE_TEXT,
        "Tables in `corpus/languages/wikitext/` say what some templates show: `{{nowrap|[[A]]}}` has a link in the "
        "text; a list in an argument of another one is shown too. mwparserfromhell expands no template.",
    ),
    _on_reading(EMPTY_ANCHOR, "`[[A|{{x}}]]` shows nothing that is known here, so there is no anchor."),
    _on_reading(
        BRACKET, "`[[A|[b]]]`: the third bracket closes the one in the anchor. mwparserfromhell leaves it outside."
    ),
    _on_text(
        "comment",
        "A comment alone on its line takes the line with it. mwparserfromhell keeps an empty line, which ends the "
        "paragraph.",
        _without_comments,
    ),
    _on_text(
        "note",
        "A `<ref>` ends at the first `</ref>`, whatever is in it. With one `''` in it that has no other half there, "
        "mwparserfromhell leaves the note in the text, or takes the text up to a later `</ref>` for a part of it.",
        _replacing(r"<ref\b[^<>]*/>|<ref\b[^<>]*>.*?</ref *>", STOP, re.DOTALL),
    ),
    _on_text(
        "braces",
        "Which braces belong together is settled before italics, tags and tables are looked at. With one `''` in an "
        "argument that has no other half there, mwparserfromhell leaves the whole template as text.",
        _without_templates,
    ),
    Rule(
        "variants",
        "`-{zh-hans:A;zh-hant:B}-` is one of its variants. mwparserfromhell does not know it.",
        lambda reading: replace(
            reading, wikitext=without_markers(resolve_variants(reading.wikitext, reading.language))
        ),
    ),
    _on_text(
        "HTML table",
        "`</table>` closes the innermost table, `{|` or `<table>`; cells and rows need no end. mwparserfromhell wants "
        "the pairs complete and alike.",
        _without_html_tables,
    ),
    _on_text(
        "table",
        "A `{|` runs to its `|}`, or to the end of the page where it has none. mwparserfromhell takes one without end, "
        "or with a `''` in it that has no other half there, for text.",
        _without_tables,
    ),
    _on_text(
        "HTML tag",
        "A tag without its other half is no text. mwparserfromhell leaves it as it is, with all around it.",
        _without_html_tags,
    ),
    _on_text(
        "code of a table",
        "`|-`, `|}` and cells outside of any `{|` belong to a table that a template opens, or are leftovers.",
        _without_table_code,
    ),
    _on_text(
        "behaviour switch",
        "`__NOTOC__` shows nothing. mwparserfromhell does not know it.",
        _replacing(r"__[^\W_]+__", ""),
    ),
    _on_text(
        "heading in a line",
        "`== A == b` is text, as the line does not end with `=`. mwparserfromhell sees a heading.",
        _replacing(r"^=(?=[^\n]*[^=\s][ \t]*$)", "&#61;", re.MULTILINE),
    ),
    _on_text(
        "space before a label",
        "`[http://example.org  A]` is labelled `A`. mwparserfromhell strips one space.",
        _replacing(r"(\[https?://[^\s\[\]]+) +", r"\1 "),
    ),
    _on_text(
        "quotes",
        "Runs of apostrophes are counted in each line by itself; a run without its other half is markup all the same, "
        "and one apostrophe of it may be a letter's: `l'''amore''`. mwparserfromhell wants pairs, and looks for them "
        "over several lines.",
        _without_quotes,
    ),
)
