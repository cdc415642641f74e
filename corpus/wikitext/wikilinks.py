"""Reads wikilinks, pictures and categories, as MediaWiki 1.39 does (Parser::handleInternalLinks2)."""

import re
from collections import Counter
from dataclasses import dataclass, field
from functools import cache
from urllib.parse import unquote

from mlukit.corpus.languages.language import Language
from mlukit.corpus.titles.normalise import USUAL, Title, normalise_title, usual_title
from mlukit.corpus.wikitext.external_links import STARTS_WITH_PROTOCOL
from mlukit.corpus.wikitext.markers import (
    BLOCK,
    BREAK,
    GAP,
    HEADING,
    HEADING_END,
    LINK,
    LINK_END,
    LINK_TEXT,
    TAG,
    TAG_END,
)
from mlukit.corpus.wikitext.quotes import strip_quotes

_FILE, _CATEGORY, _MEDIA = 6, 14, -2
_LONGEST_PREFIX = 64  # characters
_SPACES = " \n\t" + BREAK + BLOCK
_LINE_END = re.compile(f"[\n{HEADING_END}]|{HEADING}[1-6]")


@dataclass(frozen=True, slots=True)
class _Patterns:
    """Expressions that find the links of a language."""

    usual: re.Pattern[str]  # target, label and trail of a link without special cases
    prefix: re.Pattern[str] | None  # letters before a link that belong to its text
    trail: re.Pattern[str]  # letters after a link that belong to its text


@cache
def _patterns(language: Language) -> _Patterns:
    """The expressions for a language."""
    trail = language.link_trail or "(?!)"
    label = rf"(?! )[^\[\]|\n\t{BREAK}{BLOCK}{HEADING}{HEADING_END}]++(?<! )"
    return _Patterns(
        re.compile(rf"({USUAL})(?:\|({label}))?\]\]((?:{trail})?)"),
        re.compile(rf"(?:{language.link_prefix})\Z") if language.link_prefix else None,
        re.compile(trail),
    )


@dataclass(slots=True)
class LinkReader:
    """Reads the links of one page."""

    page: Title
    language: Language
    picture_places: frozenset[str]
    targets: list[tuple[str, str]] = field(default_factory=list)  # (language, title) of each link, by LINK's number
    categories: dict[str, None] = field(default_factory=dict)
    interlanguage: dict[tuple[str, str], None] = field(default_factory=dict)
    left_out: Counter[str] = field(default_factory=Counter)
    dropped: list[str] = field(default_factory=list)  # captions of pictures
    broken_piece: int = -1  # the number of a piece that is text, because a picture ended there without "]]"
    patterns: _Patterns = field(init=False)

    def __post_init__(self) -> None:
        self.patterns = _patterns(self.language)

    def replace(self, text: str) -> str:
        """`text` with each link replaced by its anchor, which is marked if it leads to an article."""
        pieces = text.split("[[")
        if len(pieces) == 1:
            return text
        out = [pieces[0]]
        number = 1
        usual = self.patterns.usual.match
        while number < len(pieces):
            piece = pieces[number]
            number += 1
            link = usual(piece)
            if link and self._usual_link(link, out):
                continue
            close = piece.find("]]")
            if close < 0:
                number = self._unclosed(pieces, number, out)
            elif not self._link(piece[:close], piece[close + 2 :], out):
                out.append("[[" + piece)
        return "".join(out)

    def _usual_link(self, link: re.Match[str], out: list[str]) -> bool:
        """Adds the anchor of a link without special cases, as `_link` does, but faster.

        Returns:
            False if the link is a special case: nothing was added, and `_link` must read it.
        """
        target, label, trail = link.groups()
        title = usual_title(target, self.language)
        anchor = label or target
        if title is None or title == self.page.title or "''" in anchor:
            return False
        if self.patterns.prefix:
            anchor = self._taken_prefix(out) + anchor
        number = len(self.targets)
        out += (f"{LINK}{number}{LINK_TEXT}{anchor}{trail}{LINK_END}", link.string[link.end() :])
        self.targets.append((self.language.code, title))
        return True

    def _unclosed(self, pieces: list[str], number: int, out: list[str]) -> int:
        """Reads a piece without "]]": a picture whose caption has links, or text.

        Args:
            pieces: the text, split at "[[".
            number: the number of the next piece.
            out: receives the text that a reader sees.

        Returns:
            The number of the piece to continue with.
        """
        piece = pieces[number - 1]
        target, pipe, label = piece.partition("|")
        title = normalise_title(target, self.language) if pipe and number - 1 != self.broken_piece else None
        if title is None or title.namespace != _FILE or title.leading_colon:
            out.append("[[" + piece)
            return number
        caption = [label]
        for i in range(number, len(pieces)):
            parts = pieces[i].split("]]", 2)
            caption += ("[[", "]]".join(parts[:2]))
            if len(parts) == 3:
                self._picture("".join(caption), parts[2], out)
                return i + 1
            if len(parts) == 1:
                self.broken_piece = i
                break
        out.append("[[" + piece)
        return number

    def _link(self, inner: str, rest: str, out: list[str]) -> bool:
        """Adds the anchor of `[[inner]]` and the text after it.

        Returns:
            False if the brackets are not a link: nothing was added.
        """
        target, pipe, shown = inner.partition("|")
        if shown and rest.startswith("]") and "[" in shown:  # [[X|[http://example.org label]]]
            shown += "]"
            rest = rest[1:]
        label = shown if pipe else None
        title = normalise_title(target, self.language)
        if title is None:
            return self._link_without_title(target, label, rest, out)
        if ":" in target or target.startswith("//"):
            if STARTS_WITH_PROTOCOL.match(target.lstrip(" ")):
                self.left_out["invalid title"] += 1
                return False
            if not title.leading_colon and self._hidden_link(title, label, rest, out):
                return True
        if label is None:
            label = _written_target(target)
            if "''" in label:
                label = label.replace("'", f"'{TAG}{TAG_END}")  # in a target they are text
        elif not label:
            label = _pipe_trick(target)
        self._anchor(title, label, rest, out)
        return True

    def _link_without_title(self, target: str, label: str | None, rest: str, out: list[str]) -> bool:
        """Reads a link whose target is not a title: it is text with brackets, unless a template made the target.

        Returns:
            False if it is text with brackets, as in MediaWiki: nothing was added.
        """
        if GAP in target and "\n" not in target:
            self.left_out["target from a template"] += 1
            out += (_inline(target if label is None else label), rest)
            return True
        self.left_out["invalid title"] += 1
        return False

    def _hidden_link(self, title: Title, label: str | None, rest: str, out: list[str]) -> bool:
        """Reads a link that shows nothing in the text: a link to another language, a picture, a category.

        Returns:
            False if the link shows its anchor: nothing was added.
        """
        if title.interlanguage:
            if title.language and not title.namespace and title.title:
                self.interlanguage[title.language, title.title] = None
            _strip_end(out, rest)
        elif title.language != self.language.code:
            return False
        elif title.namespace == _FILE:
            self._picture(label or "", rest, out)
        elif title.namespace == _CATEGORY:
            self.categories[title.title.partition(":")[2]] = None
            _strip_end(out, rest)
        else:
            return False
        return True

    def _picture(self, options: str, rest: str, out: list[str]) -> None:
        """Leaves out a picture and brackets around it. As in MediaWiki, a picture beside the text ends a paragraph."""
        if "[[" in options:
            self.dropped.append(options)
        places = self.picture_places
        for option in options.split("|"):
            name = option.partition("=")[0].strip()
            if name in places:
                out += (BLOCK, rest)
                return
        if out[-1].endswith("(") and rest.startswith(")"):
            out += (GAP, rest)
        elif not rest or rest.startswith("\n"):
            out.append(rest)  # a line with only pictures separates paragraphs
        else:
            out += (_inline(""), rest)  # the text after the picture does not begin the line

    def _anchor(self, title: Title, label: str, rest: str, out: list[str]) -> None:
        """Adds the anchor of a link, marked with LINK if the link leads to an article, and the text after it.

        Args:
            title: the page that the link leads to.
            label: the visible text between the brackets.
            rest: the text from the closing brackets to the next link; its beginning may belong to the anchor.
            out: receives anchor and text; the end of its last text may belong to the anchor.
        """
        if self.patterns.prefix:
            label = self._taken_prefix(out) + label
        trail = self.patterns.trail.match(rest)
        if trail:
            label += trail[0]
            rest = rest[trail.end() :]
        if "''" in label:
            label = strip_quotes(label)
        core = label.strip(_SPACES)
        reason = self._why_not(title, core)
        if reason:
            self.left_out[reason] += 1
            out += (_inline(label), rest)
            return
        space_before = space_after = ""
        if len(core) != len(label):
            space_before = _inline(" ") if label[0] in _SPACES else ""
            space_after = " " if label[-1] in _SPACES else ""
        if not core.isprintable():  # faster than a search for each character
            core = _LINE_END.sub(" ", core).replace(BREAK, " ").replace(BLOCK, " ")
        out += (f"{space_before}{LINK}{len(self.targets)}{LINK_TEXT}{core}{LINK_END}{space_after}", rest)
        self.targets.append((title.language or "", title.title))

    def _taken_prefix(self, out: list[str]) -> str:
        """The letters before a link that belong to its text; they are removed from the end of `out`."""
        prefix = self.patterns.prefix and self.patterns.prefix.search(out[-1][-_LONGEST_PREFIX:])
        if not prefix:
            return ""
        out[-1] = out[-1].removesuffix(prefix[0])
        return prefix[0]

    def _why_not(self, title: Title, anchor: str) -> str | None:
        """The reason in LEFT_OUT for which a link is not kept; None for a link that is kept."""
        if title.language is None:
            return "other wiki"
        if title.namespace:
            return "other namespace"
        if not title.title:
            return "same page"
        if title.language == self.language.code and title.title == self.page.title and title.fragment is None:
            return "same page"
        if not anchor:
            return "empty anchor"
        return None


def _inline(shown: str) -> str:
    """The text of a link without LINK, between tags, so that it does not begin a list, and its colon ends no term."""
    return TAG + _LINE_END.sub(" ", shown) + TAG_END


def _written_target(target: str) -> str:
    """The text that [[target]] shows."""
    shown = target.lstrip(" ")
    if "%" in shown:
        shown = unquote(shown)
    return shown.removeprefix(":")


_DISAMBIGUATION = re.compile(r"\s*(?:\([^()]*\)|（[^（）]*）)\s*$")


def _pipe_trick(target: str) -> str:
    """The label of [[target|]]: the title without prefix and parentheses, else the part before the first comma."""
    name = target.removeprefix(":").partition(":")[2] or target.removeprefix(":")
    short = _DISAMBIGUATION.sub("", name)
    return short if short != name else name.partition(", ")[0]


def _strip_end(out: list[str], rest: str) -> None:
    """Adds the text after a link that shows nothing, and removes the white space before the link."""
    while out:
        out[-1] = out[-1].rstrip(" \t\n")
        if out[-1]:
            break
        out.pop()
    if rest or not out:
        out.append(rest)
