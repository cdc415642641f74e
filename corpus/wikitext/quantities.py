"""Shows the value and unit of {{convert}}, without the conversion: |5|ft|11|in is "5 feet 11 inches".

The rules come from the documentation at en.wikipedia.org/wiki/Template:Convert; words and units are in the
languages' tables. If a table has no names of units, symbols are shown, as with |abbr=on.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from mlukit.corpus.wikitext.markers import GAP
from mlukit.corpus.wikitext.number_format import NumberFormat

_RANGES = {  # the word between the ends of a range or the sides of a rectangle -> the relation that it means
    **dict.fromkeys(("-", "–", "to-"), "dash"),
    **dict.fromkeys(("to", "to(-)", "til", "bis", "à"), "to"),
    **dict.fromkeys(("and", "and(-)", "&"), "and"),
    **dict.fromkeys(("x", "×", "by", "*", "xx"), "by"),
    **dict.fromkeys(("+/-", "±", "+/−"), "plus or minus"),
    **{"or": "or", ",": "comma", "to about": "to about", ", and": ", and", ", or": ", or", "+": "plus"},
}
_BETWEEN = {"dash": "–", "to": "–", "by": " × ", "plus or minus": " ± ", "plus": " + "}  # without words of the language
_COMPOUND = {"ft": ("in",), "yd": ("ft", "in"), "mi": ("yd", "ft", "ch"), "lb": ("oz",), "st": ("lb",), "deg": ("min",)}
_SCALED = re.compile(r"e(3|6|9|12)(.+)")
_PREFIXED = re.compile(r"([kMGT])(oilbbl|cuft|USgal|impgal|acre)(.*)")
_EXPONENTS = {"k": "3", "M": "6", "G": "9", "T": "12"}
_SUPERSCRIPTS = str.maketrans("-−0123456789", "⁻⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_POWER = re.compile(r"(?<=[a-z])[23]$")
_SCIENTIFIC = re.compile(r"(?<=\d)e([-−]?\d+)", re.IGNORECASE)
_FRACTION = re.compile(r"(?<!\d)(?:(\d{1,9}) ?[+ -] ?)?(\d{1,9}) ?(?://?|⁄) ?(\d{1,9})")
_HYPHEN = re.compile(r"(?<=\d)-(?=\d{1,40}(?:\.\d{1,40})?$)")
_SHORT = frozenset({"on", "in", "unit", "values", "mos", "~", "yes", "y", "1"})


def _superscript(digits: re.Match[str]) -> str:
    """The digits as superscripts."""
    return digits[0].translate(_SUPERSCRIPTS)


@dataclass(frozen=True, slots=True)
class Units:
    """Units and the words around them in one language."""

    symbols: Mapping[str, str] = field(default_factory=dict)  # unit's code -> symbol, where the two differ
    names: Mapping[str, tuple[str, str]] = field(default_factory=dict)  # unit's code -> (singular, plural)
    words: Mapping[str, str] = field(default_factory=dict)  # "to", "and", … and "e6" for million

    def symbol(self, code: str) -> str:
        """The symbol of a unit."""
        found = self.symbols.get(code)
        if found is not None:
            return found
        parts = code.removeprefix("PD").split("/")
        return "/".join(self.symbols.get(part) or _POWER.sub(_superscript, part) for part in parts)


@dataclass(frozen=True, slots=True)
class _Style:
    """The form in which a unit is written."""

    names: bool  # "feet", not "ft"
    adjective: bool  # "10-inch"
    american: bool  # "meter"


def quantity(given: Mapping[str, str], units: Units, numbers: NumberFormat, abbreviated: bool = False) -> str | None:
    """The value with its unit; None if there is no value.

    Args:
        given: the arguments of the template, by name or number.
        units: the units of the language.
        numbers: the format of numbers.
        abbreviated: whether units are symbols by default, as in {{cvt}}.
    """
    if not given.get("1") or GAP in given["1"]:
        return None
    number, values, relations = 2, [_value(given["1"], given, numbers)], []
    while (relation := _RANGES.get(given.get(str(number), "").lower())) and given.get(str(number + 1)):
        relations.append((relation, given[str(number)]))
        values.append(_value(given[str(number + 1)], given, numbers))
        number += 2
    unit = given.get(str(number), "")
    adjective = given.get("adj", given.get("sing", "")) in ("on", "mid")
    abbreviation = given.get("abbr", "on" if abbreviated else "")
    style = _Style(abbreviation not in _SHORT and not _is_short(unit, units), adjective, given.get("sp") == "us")
    shown = _in_range(values, relations, unit, units, style)
    while (next_unit := given.get(str(number + 2), "")) in _COMPOUND.get(unit, ()):
        more = given.get(str(number + 1), "")
        if not more.replace(".", "", 1).isdecimal():
            break
        unit, number = next_unit, number + 2
        separator = "-" if style.names and style.adjective else " "
        shown += separator + _with_unit(numbers.all_written(more), unit, units, style)
    extra = given.get("-1", "")
    if given.get("adj") == "mid" and extra[:1] == "-":
        shown += extra
    return shown


def _value(written: str, given: Mapping[str, str], numbers: NumberFormat) -> str:
    """A value in the form that a reader sees: with grouped digits, signs and fractions."""
    if "/" not in written and "⁄" not in written:
        shown = _HYPHEN.sub("–", written)
    else:
        shown = _FRACTION.sub(lambda f: (f"{f[1]} " if f[1] else "") + f"{f[2]}⁄{f[3]}", written)
    shown = _SCIENTIFIC.sub(lambda power: "×10" + power[1].translate(_SUPERSCRIPTS), shown)
    comma = given.get("comma", "")
    if comma in ("off", "gaps") or (comma in ("5", "gaps5") and len(shown) < 5):
        return shown.replace("-", "−") if shown.startswith("-") else shown
    return numbers.all_written(shown)


def _in_range(values: list[str], relations: list[tuple[str, str]], unit: str, units: Units, style: _Style) -> str:
    """The values with the words between them, and the unit after the last value or after each side of a rectangle."""
    shown = ""
    for value, (relation, written) in zip(values, relations, strict=False):
        if relation == "by" and not style.names and units.names and written != "xx":
            shown += _with_unit(value, unit, units, style) + " × "
            continue
        in_short = not style.names and written.endswith("(-)")
        word = units.words.get(relation) if not in_short and not (relation == "by" and not style.names) else None
        shown += value + (word if word is not None else _BETWEEN.get(relation, "–" if in_short else ", "))
    return shown + _with_unit(values[-1], unit, units, style, several=len(values) > 1)


def _with_unit(value: str, code: str, units: Units, style: _Style, several: bool = False) -> str:
    """`value` followed by its unit; with `several`, the unit is plural for every value."""
    if not code:
        return value
    exponent, unit = _split_power(code)
    if exponent and (code[0] == "e" or code not in units.symbols):
        word = units.words.get(f"e{exponent}") if style.names else None
        value += f" {word}" if word else "×10" + exponent.translate(_SUPERSCRIPTS)
        code, several = unit, True
    names = units.names.get(code)
    if names is None or not style.names:
        symbol = units.symbol(code)
        return value + symbol if symbol.startswith("/") or symbol == "°" else f"{value} {symbol}"
    singular, plural = names
    name = singular if style.adjective or (not several and _is_one(value)) else plural
    if style.american:
        name = name.replace("metre", "meter").replace("litre", "liter")
    return f"{value}-{name.replace(' ', '-')}" if style.adjective else f"{value} {name}"


def _split_power(code: str) -> tuple[str, str]:
    """(exponent of ten, unit) of a code such as "e6acre" or "Macre"; ("", code) of other codes."""
    if scaled := _SCALED.fullmatch(code):
        return scaled[1], scaled[2]
    if prefixed := _PREFIXED.fullmatch(code):
        return _EXPONENTS[prefixed[1]], prefixed[2] + prefixed[3]
    return "", code


def _is_one(value: str) -> bool:
    """Whether a unit after `value` is singular: after one, and after a fraction without a whole number."""
    return value in ("1", "−1") or ("⁄" in value and " " not in value)


def _is_short(code: str, units: Units) -> bool:
    """Whether a unit is written as its symbol because the language's table does not have its name."""
    _, unit = _split_power(code)
    return unit not in units.names
