"""Wikilinks, pictures and categories, as MediaWiki 1.39 reads them (Parser::handleInternalLinks2)."""

import re
from collections import Counter
from dataclasses import dataclass, field
from functools import cache, lru_cache
from urllib.parse import unquote

from corpus.language import Language
from corpus.titles import MAX_BYTES, Title, normalise_title
from corpus.wikitext.external_links import STARTS_WITH_PROTOCOL
from corpus.wikitext.markers import BLOCK, BREAK, HOLE, LINK, LINK_END, LINK_TEXT, TAG, TAG_END
from corpus.wikitext.quotes import strip_quotes

_FILE, _CATEGORY, _MEDIA = 6, 14, -2
_LONGEST_PREFIX = 64  # characters
_SPACES = " \n\t" + BREAK + BLOCK


@lru_cache(maxsize=1 << 14)
def _title_of(target: str, language: Language) -> Title | None:
    return normalise_title(target, language)


def title_of(target: str, language: Language) -> Title | None:
    """The page that `[[target]]` leads to; the same few titles are linked again and again, so they are remembered."""
    return _title_of(target, language) if len(target) <= MAX_BYTES else normalise_title(target, language)


def forget_titles() -> None:
    """Forget the titles that are remembered; a measurement begins so."""
    _title_of.cache_clear()


@dataclass(slots=True)
class LinkReader:
    """Reads the links of one page."""

    page: Title
    language: Language
    picture_places: frozenset[str]
    targets: list[tuple[str, str]] = field(default_factory=list)  # (language, title) of LINK's number
    categories: dict[str, None] = field(default_factory=dict)
    interlanguage: dict[tuple[str, str], None] = field(default_factory=dict)
    left_out: Counter[str] = field(default_factory=Counter)
    dropped: list[str] = field(default_factory=list)  # captions of pictures
    prefix: re.Pattern[str] | None = None  # what belongs to a link's text before it, and after it
    trail: re.Pattern[str] | None = None
    dead: int = -1  # a piece that is text because a picture before it broke off there

    def __post_init__(self) -> None:
        self.prefix, self.trail = _affixes(self.language)

    def replace(self, text: str) -> str:
        """`text` with each link replaced by its anchor, which is marked if it leads to an article."""
        pieces = text.split("[[")
        if len(pieces) == 1:
            return text
        out = [pieces[0]]
        number = 1
        while number < len(pieces):
            piece = pieces[number]
            number += 1
            close = piece.find("]]")
            if close < 0:
                number = self._unclosed(pieces, number, out)
                continue
            inner, rest = piece[:close], piece[close + 2 :]
            target, pipe, label = inner.partition("|")
            if label and rest.startswith("]") and "[" in label:  # [[X|[http://example.org label]]]
                label += "]"
                rest = rest[1:]
            if not self._link(target, label if pipe else None, rest, out):
                out.append("[[" + piece)
        return "".join(out)

    def _unclosed(self, pieces: list[str], number: int, out: list[str]) -> int:
        """A piece without "]]": a picture whose caption has links, or text. Where to go on."""
        piece = pieces[number - 1]
        target, pipe, label = piece.partition("|")
        title = title_of(target, self.language) if pipe and number - 1 != self.dead else None
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
                self.dead = i
                break
        out.append("[[" + piece)
        return number

    def _link(self, target: str, label: str | None, rest: str, out: list[str]) -> bool:
        """Adds what a link shows; False where it is none. `label` is None without a "|"."""
        title = title_of(target, self.language)
        if title is None:
            return self._no_title(target, label, rest, out)
        if ":" in target or target.startswith("//"):
            if STARTS_WITH_PROTOCOL.match(target.lstrip(" ")):
                self.left_out["invalid title"] += 1
                return False
            if not title.leading_colon and self._beside_text(title, label, rest, out):
                return True
        if label is None:
            label = _written_target(target)
            if "''" in label:
                label = label.replace("'", f"'{TAG}{TAG_END}")  # in a target they are text
        elif not label:
            label = _pipe_trick(target)
        self._anchor(title, label, rest, out)
        return True

    def _no_title(self, target: str, label: str | None, rest: str, out: list[str]) -> bool:
        """A target that is no title: text with its brackets, as in MediaWiki, unless a template has a part in it."""
        if HOLE in target and "\n" not in target:
            self.left_out["target from a template"] += 1
            out.append((target if label is None else label) + rest)
            return True
        self.left_out["invalid title"] += 1
        return False

    def _beside_text(self, title: Title, label: str | None, rest: str, out: list[str]) -> bool:
        """Adds a link that shows nothing in the text: to another language, a picture, a category."""
        if title.interlanguage:
            if title.language and not title.namespace and title.title:
                self.interlanguage[title.language, title.title] = None
            _strip_end(out)
            out.append(rest)
        elif title.language != self.language.code:
            return False
        elif title.namespace == _FILE:
            self._picture(label or "", rest, out)
        elif title.namespace == _CATEGORY:
            self.categories[title.title.partition(":")[2]] = None
            _strip_end(out)
            out.append(rest)
        else:
            return False
        return True

    def _picture(self, options: str, rest: str, out: list[str]) -> None:
        """A picture is no text: beside the text it ends the paragraph, as in MediaWiki; brackets around one go too."""
        if "[[" in options:
            self.dropped.append(options)
        places = self.picture_places
        for option in options.split("|"):
            name = option.partition("=")[0].strip()
            if name in places:
                out += (BLOCK, rest)
                return
        alone = out[-1].endswith("(") and rest.startswith(")")
        out += (HOLE if alone else "", rest)

    def _anchor(self, title: Title, label: str, rest: str, out: list[str]) -> None:
        if self.prefix:
            prefix = self.prefix.search(out[-1][-_LONGEST_PREFIX:])
            if prefix:
                out[-1] = out[-1][: len(out[-1]) - len(prefix[0])]
                label = prefix[0] + label
        if self.trail:
            trail = self.trail.match(rest)
            if trail:
                label += trail[0]
                rest = rest[trail.end() :]
        if "''" in label:
            label = strip_quotes(label)
        core = label.strip(_SPACES)
        reason = self._why_not(title, core)
        if reason:
            self.left_out[reason] += 1
            label = label.replace("\n", " ")
            out += (f"{TAG}{label}{TAG_END}" if ":" in label else label, rest)  # its colon ends no term of a list
            return
        before = after = ""
        if len(core) != len(label):
            before = " " if label[0] in _SPACES else ""
            after = " " if label[-1] in _SPACES else ""
        if not core.isprintable():  # faster than to look for each
            core = core.replace("\n", " ").replace(BREAK, " ").replace(BLOCK, " ")
        out += (f"{before}{LINK}{len(self.targets)}{LINK_TEXT}{core}{LINK_END}{after}", rest)
        self.targets.append((title.language or "", title.title))

    def _why_not(self, title: Title, anchor: str) -> str | None:
        """Why a link is not kept; None for one that is."""
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


@cache
def _affixes(language: Language) -> tuple[re.Pattern[str] | None, re.Pattern[str] | None]:
    """(prefix, trail) that belong to a link's text."""
    prefix = re.compile(rf"(?:{language.link_prefix})\Z") if language.link_prefix else None
    return prefix, re.compile(language.link_trail) if language.link_trail else None


def _written_target(target: str) -> str:
    """What [[target]] shows."""
    shown = target.lstrip(" ")
    if "%" in shown:
        shown = unquote(shown)
    return shown.removeprefix(":")


_DISAMBIGUATION = re.compile(r"\s*(?:\([^()]*\)|（[^（）]*）)\s*$")


def _pipe_trick(target: str) -> str:
    """What [[target|]] is saved as: without prefix and what stands in parentheses, else after the last comma."""
    name = target.removeprefix(":").partition(":")[2] or target.removeprefix(":")
    short = _DISAMBIGUATION.sub("", name)
    return short if short != name else name.partition(", ")[0]


def _strip_end(out: list[str]) -> None:
    """Links beside the text take the white space before them with them."""
    while out:
        out[-1] = out[-1].rstrip(" \t\n")
        if out[-1]:
            return
        out.pop()
    out.append("")
