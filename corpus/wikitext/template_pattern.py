"""What a template shows, written as a pattern: wikitext with fields in braces.

    {2}            the second argument without a name
    {text|1}       the first of these that is given
    {-1}           the last without a name
    {*}  {*, }     all without a name, with what follows the star between them
    {#1}           the first with its number as the language writes it
    {@2}           the second, if it is the code of a Wikipedia
    {lc!}          nothing; the argument must be given
    {month 2}      the name of the month whose number is given, else what is given
    {day 1}        the day that is given, of which the first may be written in a way of its own
    {word 1}       the first, unless it is a code in capitals, of which the template shows a name
    {language 1}   the name of the language whose code is given
    {quantity}     value and unit of {{convert}}; {quantity cvt} in short, as {{cvt}} has them
    {phonemes}     those of {{IPAc-en}}
    {suffix}       what the star stands for in a name such as "lang-*", "script/*" or "*e", a number before it
    ⟦…⟧            what is shown only where all fields in it are given

Of several patterns between " // " the first whose fields are all given is taken, else the last. A field that is not
given leaves a gap, which is closed as that of a template would be.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache

from icu import Locale

from mlukit.corpus.languages.load import wikipedia_codes
from mlukit.corpus.wikitext.markers import GAP
from mlukit.corpus.wikitext.number_format import NumberFormat
from mlukit.corpus.wikitext.quantities import Units, quantity

_GROUP = re.compile("⟦([^⟦⟧]*)⟧")
_FIELD = re.compile(r"\{([^{}]+)\}")
_LINK = re.compile(r"\[\[(?:[^\[\]|]*\|)?([^\[\]]*)\]\]")
_NO_TARGET = re.compile(r"\[\[|[<\x01-\x1f]|^\W*$")  # a link of its own, a note, a question mark
_SPLIT = re.compile(r"\[\[|\]\]|-\{|\}-|\|")
_LANGUAGE = re.compile("[a-z]{2,3}")
# en.wikipedia.org, Template:IPAc-en: words before the phonemes, and phonemes that are shown as they are written
_NO_PHONEMES = frozenset(
    {"", "lang", "pron", "local", "ipa", "also", "us", "uk", "uk-us", "us-uk", "icon", "audio", "and"}
)
_SOUND = re.compile(r"\.(?:ogg|oga|wav|mp3)$", re.IGNORECASE)
_PHONEME = re.compile(r"[a-zɐ-˿ʰæðøœŋɡθχβ̀-ͯ.ˈˌ_(),/ -]{1,6}")
_LIST_MARKS = frozenset("*#:;")
_COMMAS = ",;،、，；"


@dataclass(frozen=True, slots=True)
class Conventions:
    """How a language writes what templates show."""

    language: str = "en"
    numbers: NumberFormat = field(default_factory=NumberFormat)
    units: Units = field(default_factory=Units)
    months: tuple[str, ...] = ()  # their names, if templates show them
    first_day: str = "1"  # of a month


@dataclass(frozen=True, slots=True)
class Piece:
    """Literal text and, between its parts, fields: the names of which the first that is given is shown."""

    literals: tuple[str, ...]  # one more than there are fields
    fields: tuple[tuple[str, ...], ...]
    optional: bool = False

    def values(self, given: Mapping[str, str], conventions: Conventions) -> list[str]:
        """What each field shows; GAP for one that shows nothing."""
        return [
            next((value for name in names if (value := _value(name, given, conventions)) is not None), GAP)
            for names in self.fields
        ]


@dataclass(frozen=True, slots=True)
class Pattern:
    """What a template shows."""

    alternatives: tuple[tuple[Piece, ...], ...]
    suffix: str = ""  # what the star in the template's name stands for

    def render(self, arguments: str, conventions: Conventions) -> str:
        """The text shown for `arguments`, which is empty or begins with "|"."""
        given = split_arguments(arguments)
        if self.suffix:
            given["suffix"] = self.suffix
        shown: list[tuple[Piece, list[str]]] = []
        for pieces in self.alternatives:
            shown = []
            complete = True
            for piece in pieces:
                values = piece.values(given, conventions)
                if GAP not in values:
                    shown.append((piece, values))
                elif not piece.optional:
                    shown.append((piece, values))
                    complete = False
            if complete:
                break
        out = ""
        for piece, values in shown:
            out = _filled(out, piece.literals, values)
        if GAP in out and not any(value != GAP for _, values in shown for value in values):
            return GAP  # not one argument: what is literal would stand alone
        return out


def _filled(out: str, literals: tuple[str, ...], values: list[str]) -> str:
    """`out` with the literals and the values between them."""
    out += literals[0]
    for value, literal in zip(values, literals[1:], strict=True):
        if out.endswith("[[") and literal.startswith("]]") and _NO_TARGET.search(value):
            out, literal = out[:-2], literal[2:]
        elif "[[" in value and out.rfind("[[") > out.rfind("]]"):
            value = _LINK.sub(r"\1", value)  # a link within a link is none
        out += value
        if literal[:1] in _COMMAS and out[-1:] == literal[:1]:
            literal = literal[1:]
        out += literal
    return out


def _value(name: str, given: Mapping[str, str], conventions: Conventions) -> str | None:
    """What the field `name` shows; None where its argument is not given."""
    mark = name[0]
    if mark == "*":
        return name[1:].join(value for key, value in given.items() if key.isdigit() and value) or None
    if mark == "@":
        code = given.get(name[1:])
        return code if code in wikipedia_codes() else None
    if mark == "#":
        number = given.get(name[1:])
        return conventions.numbers.first_written(number) if number else None
    if name[-1] == "!":
        return "" if given.get(name[:-1]) else None
    function, _, argument = name.partition(" ")
    if function == "phonemes":
        return _phonemes([value for key, value in given.items() if key.isdigit()])
    if function == "day" and argument:
        day = given.get(argument, "")
        return conventions.first_day + day[1:] if day == "1" or day.startswith("1 ") else day or None
    if function == "quantity":
        return quantity(given, conventions.units, conventions.numbers, abbreviated=argument == "cvt")
    if function == "month" and argument:
        return _month(given.get(argument), conventions.months)
    if function == "language" and argument:
        code = (given.get(argument) or "").partition("-")[0]
        return language_name(code, conventions.language) if _LANGUAGE.fullmatch(code) else None
    if function == "word" and argument:
        return None if given.get(argument, "").isupper() else given.get(argument) or None
    return given.get(name) or None


def _month(written: str | None, months: tuple[str, ...]) -> str | None:
    if written and written.isdecimal() and len(written) <= 2 and 1 <= int(written) <= len(months):
        return months[int(written) - 1]
    return written or None


def _phonemes(given: list[str]) -> str | None:
    """The phonemes of {{IPAc-en}} in a row; None where one is written in a code of its own."""
    phonemes = [value for value in given if value not in _NO_PHONEMES and not _SOUND.search(value)]
    if not phonemes or not all(map(_PHONEME.fullmatch, phonemes)):
        return None
    return "".join(phonemes).replace("_", " ")


@cache
def language_name(code: str, language: str) -> str | None:
    """The name of the language `code` in another one, as CLDR has it; None where it has none."""
    name = str(Locale(code).getDisplayLanguage(Locale(language)))
    return name if name != code else None


def split_arguments(text: str) -> dict[str, str]:
    """Arguments by name or by number, from "|a|b=c"; bars and equals signs within links or -{ }- do not count."""
    given: dict[str, str] = {}
    if not text:
        return given
    parts: list[str] = []
    depth = start = 0
    for mark in _SPLIT.finditer(text):
        if mark[0] == "|":
            if not depth:
                parts.append(text[start : mark.start()])
                start = mark.end()
        else:
            depth = max(0, depth + (1 if mark[0] in ("[[", "-{") else -1))
    parts.append(text[start:])
    number = 0
    for part in parts[1:]:
        name, equals, value = part.partition("=")
        if equals and "[[" not in name:
            given[name.strip()] = value.strip()
        else:
            number += 1
            given[str(number)] = _unnamed(part)
    if number:
        given["-1"] = given[str(number)]
    return given


def _unnamed(part: str) -> str:
    """An argument without white space around it, but for the line end before a list."""
    value = part.strip()
    return "\n" + value if value[:1] in _LIST_MARKS and value and "\n" in part[: part.index(value)] else value


def compile_pattern(written: str) -> Pattern:
    """The pattern written as in the tables."""
    return Pattern(tuple(_compile(alternative) for alternative in written.split(" // ")))


def _compile(written: str) -> tuple[Piece, ...]:
    pieces = []
    for i, part in enumerate(_GROUP.split(written)):
        if part:
            split = _FIELD.split(part)
            fields = tuple(tuple(names.split("|")) for names in split[1::2])
            pieces.append(Piece(tuple(split[::2]), fields, optional=i % 2 == 1))
    return tuple(pieces)
