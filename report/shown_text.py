"""Texts with marked mentions: the parts that the page shows, without any HTML."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from icu import ICUError, Locale

from mlukit.corpus.languages.iso_codes import LABEL_CODES

MOST_CHARACTERS = 1200  # shown of an article
UNKNOWN, IN_VOCABULARY = "unknown_entity", "in_vocabulary"
EXAMPLE_STATUSES = {
    IN_VOCABULARY: "the entity is in the vocabulary",
    UNKNOWN: "the entity is not in the vocabulary, so it is [UNK]",
}
_TAGS = (
    LABEL_CODES
    | {  # Source: MediaWiki 1.43, includes/language/LanguageCode.php: NON_STANDARD_LANGUAGE_CODE_MAPPING
        "cbk-zam": "cbk",
        "eml": "egl",
        "map-bms": "jv-x-bms",
        "nrm": "nrf",
        "roa-tara": "nap-x-tara",
    }
)
_RIGHT_TO_LEFT = {"Adlm", "Arab", "Aran", "Hebr", "Nkoo", "Rohg", "Syrc", "Thaa"}  # scripts of Wikipedias
_ARABIC_OR_SYRIAC = {"arc", "azb", "pnb"}  # Wikipedias of whose languages ICU does not know this script


class Mark(NamedTuple):
    """A mention in a text: `start` and `end` are offsets into the text, or into the pieces of an example."""

    start: int
    end: int
    qid: str  # "" if no item is known
    label: str
    target: str
    status: str


class Part(NamedTuple):
    """A stretch of text inside or outside a mention; an example has its text in pieces."""

    pieces: tuple[str, ...]
    mark: Mark | None = None


class Paragraph(NamedTuple):
    """A paragraph; `level` is 2 for `== heading ==` and 0 for other paragraphs."""

    level: int
    parts: list[Part]


def language_tag(code: str) -> str:
    """The tag of a Wikipedia's language for the HTML attribute `lang` (BCP 47)."""
    return _TAGS.get(code, code)


def language_name(code: str) -> str:
    """The English name of a Wikipedia's language; the code if ICU knows no name."""
    return str(_locale(code).getDisplayName(Locale("en")))


def direction(code: str) -> str:
    """The direction of a Wikipedia's language for the HTML attribute `dir`: "ltr" or "rtl"."""
    locale = _locale(code)
    locale.addLikelySubtags()
    return "rtl" if locale.getScript() in _RIGHT_TO_LEFT or code in _ARABIC_OR_SYRIAC else "ltr"


def _locale(code: str) -> Locale:
    try:
        return Locale.forLanguageTag(language_tag(code))
    except ICUError:  # the code is not a tag; ICU then takes it as a name
        return Locale(code)


def cut_paragraphs(
    text: str, spans: Sequence[Mapping[str, int]], levels: Mapping[int, int], marks: Sequence[Mark]
) -> tuple[list[Paragraph], bool]:
    """The first paragraphs of a text, at most MOST_CHARACTERS in all, and whether the text has more.

    Args:
        text: the text.
        spans: the paragraphs, each with `start` and `end`.
        levels: the level of each heading, by the start of its paragraph.
        marks: the mentions in order, each inside one paragraph.
    """
    shown = []
    for span in spans:
        start, end = span["start"], min(span["end"], MOST_CHARACTERS)
        if start >= end:
            break
        inside = [mark for mark in marks if start <= mark.start and mark.end <= end]
        shown.append(Paragraph(levels.get(start, 0), list(text_parts(text, start, end, inside))))
    return shown, len(text) > MOST_CHARACTERS


def text_parts(text: str, start: int, end: int, marks: Sequence[Mark]) -> Iterator[Part]:
    """The parts of a stretch of text."""
    for mark in marks:
        if mark.start < start:
            continue  # inside an earlier mention
        if start < mark.start:
            yield Part((text[start : mark.start],))
        yield Part((text[mark.start : mark.end],), mark)
        start = mark.end
    if start < end:
        yield Part((text[start:end],))


def piece_parts(pieces: Sequence[str], marks: Sequence[Mark]) -> Iterator[Part]:
    """The parts of an example; a piece that begins a word begins with a space."""
    texts, start = [piece.replace("▁", " ") for piece in pieces], 0
    for mark in sorted(marks):
        if mark.start < start:
            continue
        if start < mark.start:
            yield Part(tuple(texts[start : mark.start]))
        yield Part(tuple(texts[mark.start : mark.end]), mark)
        start = mark.end
    if start < len(texts):
        yield Part(tuple(texts[start:]))
