"""Compiles the fields of a template's pattern: from a name in braces to a function of the template's arguments.

`corpus.wikitext.template_pattern` lists the forms of fields. A pattern is compiled once, so that rendering a template
only calls functions.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import NamedTuple, TypeAlias

from icu import Locale

from mlukit.corpus.languages.load import wikipedia_codes
from mlukit.corpus.wikitext.number_format import NumberFormat
from mlukit.corpus.wikitext.quantities import Units, quantity

_LANGUAGE = re.compile("[a-z]{2,3}")
# en.wikipedia.org, Template:IPAc-en: words before the phonemes, and phonemes that are shown without changes
_NO_PHONEMES = frozenset(
    {"", "lang", "pron", "local", "ipa", "also", "us", "uk", "uk-us", "us-uk", "icon", "audio", "and"}
)
_SOUND = re.compile(r"\.(?:ogg|oga|wav|mp3)$", re.IGNORECASE)
_PHONEME = re.compile(r"[a-zɐ-˿ʰæðøœŋɡθχβ̀-ͯ.ˈˌ_(),/ -]{1,6}")


@dataclass(frozen=True, slots=True)
class Conventions:
    """A language's conventions for the text of templates."""

    language: str = "en"
    numbers: NumberFormat = field(default_factory=NumberFormat)
    units: Units = field(default_factory=Units)
    months: tuple[str, ...] = ()  # the names of months, if templates show them
    first_day: str = "1"  # of a month


Given: TypeAlias = Mapping[str, str]  # the arguments of a template, by name or number
# (argument's name, all arguments, conventions) -> the text of the field; None if its argument is not given
FieldFunction: TypeAlias = Callable[[str, Given, Conventions], str | None]


class Field(NamedTuple):
    """A compiled field: `show(argument, …)` returns its text."""

    show: FieldFunction
    argument: str


def compile_field(name: str) -> Field:
    """The field that a pattern writes as `{name}`.

    Args:
        name: a sign and an argument ("#1", "lc!"), a function and its argument ("month 2"), or an argument alone.
    """
    if name[0] in _SIGNS:
        return Field(_SIGNS[name[0]], name[1:])
    if name[-1] == "!":
        return Field(_required, name[:-1])
    function, _, argument = name.partition(" ")
    if function in _FUNCTIONS and (argument or function in _WITHOUT_ARGUMENT):
        return Field(_FUNCTIONS[function], argument)
    return Field(_argument, name)


def _argument(name: str, given: Given, conventions: Conventions) -> str | None:
    return given.get(name) or None


def _required(name: str, given: Given, conventions: Conventions) -> str | None:
    """An empty text; None if the argument is not given."""
    return "" if given.get(name) else None


def _all_unnamed(separator: str, given: Given, conventions: Conventions) -> str | None:
    """All arguments without a name, with a separator between them."""
    return separator.join(value for key, value in given.items() if key.isdigit() and value) or None


def _wikipedia_code(name: str, given: Given, conventions: Conventions) -> str | None:
    """The argument if it is the code of a Wikipedia."""
    code = given.get(name)
    return code if code in wikipedia_codes() else None


def _number(name: str, given: Given, conventions: Conventions) -> str | None:
    number = given.get(name)
    return conventions.numbers.first_written(number) if number else None


def _day(name: str, given: Given, conventions: Conventions) -> str | None:
    """The day; the first day of a month in the language's special form."""
    day = given.get(name, "")
    return conventions.first_day + day[1:] if day == "1" or day.startswith("1 ") else day or None


def _month(name: str, given: Given, conventions: Conventions) -> str | None:
    """The name of the month for the number of a month; other text stays."""
    written, months = given.get(name), conventions.months
    if written and written.isdecimal() and len(written) <= 2 and 1 <= int(written) <= len(months):
        return months[int(written) - 1]
    return written or None


def _word(name: str, given: Given, conventions: Conventions) -> str | None:
    """The argument; None if it is in capitals."""
    word = given.get(name, "")
    return None if word.isupper() else word or None


def _language(name: str, given: Given, conventions: Conventions) -> str | None:
    """The name of the language whose code is given; a region behind the code is ignored."""
    code = given.get(name, "").partition("-")[0]
    return language_name(code, conventions.language) if _LANGUAGE.fullmatch(code) else None


def _quantity(style: str, given: Given, conventions: Conventions) -> str | None:
    return quantity(given, conventions.units, conventions.numbers, abbreviated=style == "cvt")


def _phonemes(_: str, given: Given, conventions: Conventions) -> str | None:
    """The phonemes of {{IPAc-en}}, joined; None if a phoneme is written as a code."""
    values = (value for key, value in given.items() if key.isdigit())
    phonemes = [value for value in values if value not in _NO_PHONEMES and not _SOUND.search(value)]
    if not phonemes or not all(map(_PHONEME.fullmatch, phonemes)):
        return None
    return "".join(phonemes).replace("_", " ")


@cache
def language_name(code: str, language: str) -> str | None:
    """CLDR's name of the language `code` in another language; None if CLDR has no name."""
    name = str(Locale(code).getDisplayLanguage(Locale(language)))
    return name if name != code else None


_SIGNS: dict[str, FieldFunction] = {"*": _all_unnamed, "@": _wikipedia_code, "#": _number}
_FUNCTIONS: dict[str, FieldFunction] = {
    "day": _day,
    "language": _language,
    "month": _month,
    "phonemes": _phonemes,
    "quantity": _quantity,
    "word": _word,
}
_WITHOUT_ARGUMENT = frozenset({"phonemes", "quantity"})
