"""The wikitext table of a language: what templates show, how numbers are written, words for pictures' places.

Templates stand in `corpus/languages/wikitext/{code}.toml`, with `common.toml` below it; the rest in `messages.json`
beside them, which `tools/make_wikitext_messages.py` makes. A pattern is wikitext with fields in braces:

    {2}          the second argument without a name
    {text|1}     the first of these that is given
    {-1}         the last without a name
    {*}  {*, }   all without a name, with what follows the star between them
    {@2}         the second argument, if it is the code of a Wikipedia
    {quantity}   value and unit of {{convert}}
    {suffix}     what the star stands for in a name such as "lang-*" or "script/*"

Of several patterns between " // " the first whose fields are all given is taken, else the last. A field that is not
given leaves a hole, which is closed as that of a template would be.
"""

import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

from corpus.language_tables import wikipedia_codes
from corpus.names import fold_name
from corpus.wikitext.markers import HOLE
from corpus.wikitext.quantities import quantity

_TABLES = files("corpus") / "languages" / "wikitext"
# MediaWiki 1.39, MessagesEn.php: img_thumbnail, img_framed, img_left, img_right, img_center, img_none
ENGLISH_PLACES = frozenset(
    {"thumb", "thumbnail", "frame", "framed", "enframed", "left", "right", "center", "centre", "none"}
)
_FIELD = re.compile(r"\{([^{}]+)\}")
_LINK = re.compile(r"\[\[(?:[^\[\]|]*\|)?([^\[\]]*)\]\]")
_SPLIT = re.compile(r"\[\[|\]\]|\|")


@dataclass(frozen=True, slots=True)
class Alternative:
    """Literal text and, between its pieces, fields: the names of which the first that is given is shown."""

    literals: tuple[str, ...]  # one more than there are fields
    fields: tuple[tuple[str, ...], ...]

    def values(self, given: Mapping[str, str]) -> list[str]:
        """What each field shows; HOLE for one that shows nothing."""
        return [next((value for name in names if (value := _value(name, given))), HOLE) for names in self.fields]


@dataclass(frozen=True, slots=True)
class Pattern:
    """What a template shows."""

    alternatives: tuple[Alternative, ...]
    suffix: str = ""  # what the star in the template's name stands for

    def render(self, arguments: str) -> str:
        """The text shown for `arguments`, which is empty or begins with "|"."""
        given = split_arguments(arguments)
        if self.suffix:
            given["suffix"] = self.suffix
        for alternative in self.alternatives:
            values = alternative.values(given)
            if HOLE not in values:
                break
        out = alternative.literals[0]
        for value, literal in zip(values, alternative.literals[1:], strict=True):
            if "[[" in value and out.rfind("[[") > out.rfind("]]"):
                value = _LINK.sub(r"\1", value)  # a link within a link is none
            out += value + literal
        return out


def _value(name: str, given: Mapping[str, str]) -> str | None:
    if name[0] == "*":
        return name[1:].join(value for key, value in given.items() if key.isdigit() and value)
    if name[0] == "@":
        code = given.get(name[1:])
        return code if code in wikipedia_codes() else None
    if name == "quantity":
        return quantity(given)
    return given.get(name)


@dataclass(frozen=True, slots=True)
class NumberFormat:
    """How {{formatnum:}} writes numbers."""

    decimal: str = "."
    separator: str = ","
    minimum: int = 1  # digits before the first separator
    indian: bool = False  # 12,34,567
    digits: Mapping[int, str] = field(default_factory=dict)  # for str.translate

    def plain(self, number: str) -> str:
        """`number`, which is written in this format, as a computer writes it."""
        return number.replace(self.separator, "").replace(self.decimal, ".")

    def group(self, whole: str) -> str:
        """`whole` with separators between its groups of digits."""
        if len(whole) < 3 + self.minimum:
            return whole
        head, tail = whole[:-3], [whole[-3:]]
        size = 2 if self.indian else 3
        while head:
            tail.append(head[-size:])
            head = head[:-size]
        return self.separator.join(reversed(tail))


@dataclass(frozen=True, slots=True, eq=False)
class TemplateTable:
    """One language's table; names are folded as `corpus.names.fold_name` folds them."""

    patterns: Mapping[str, Pattern]
    numbers: NumberFormat
    functions: Mapping[str, str]  # local names of magic words, in small letters -> English ones
    picture_places: frozenset[str]  # "thumb", "right", …: options of a picture that stands beside the text

    def pattern(self, name: str) -> Pattern | None:
        """What the template `name` shows; None for one that is not in the table."""
        folded = fold_name(name)
        found = self.patterns.get(folded)
        if found is not None:
            return found
        for separator in "-/":
            prefix, _, suffix = folded.partition(separator)
            starred = self.patterns.get(f"{prefix}{separator}*") if suffix else None
            if starred is not None:
                return Pattern(starred.alternatives, suffix)
        return None


def split_arguments(text: str) -> dict[str, str]:
    """Arguments by name or by number, from "|a|b=c"; bars and equals signs within links do not count."""
    given: dict[str, str] = {}
    if not text:
        return given
    parts: list[str] = []
    depth = at = 0
    for mark in _SPLIT.finditer(text):
        if mark[0] == "|":
            if not depth:
                parts.append(text[at : mark.start()])
                at = mark.end()
        else:
            depth = max(0, depth + (1 if mark[0] == "[[" else -1))
    parts.append(text[at:])
    number = 0
    for part in parts[1:]:
        name, equals, value = part.partition("=")
        if equals and "[[" not in name:
            given[name.strip()] = value.strip()
        else:
            number += 1
            given[str(number)] = part.strip()
    if number:
        given["-1"] = given[str(number)]
    return given


def compile_pattern(written: str) -> Pattern:
    """The pattern written as in the tables."""
    return Pattern(tuple(_compile(alternative) for alternative in written.split(" // ")))


def _compile(written: str) -> Alternative:
    pieces = _FIELD.split(written)
    return Alternative(tuple(pieces[::2]), tuple(tuple(names.split("|")) for names in pieces[1::2]))


@cache
def load_template_table(code: str) -> TemplateTable:
    """The table of a Wikipedia; without one of its own, the templates that most have, and MediaWiki's own words."""
    patterns: dict[str, Pattern] = {}
    for table in (_read_toml("common"), _read_toml(code)):
        for written, names in table.get("templates", {}).items():
            compiled = compile_pattern(written)
            patterns.update((fold_name(name), compiled) for name in names)
        for name in table.get("left_out", ()):
            patterns.pop(fold_name(name), None)
    messages = _messages().get(code, {})
    numbers = dict(messages.get("numbers", {}))
    numbers["digits"] = {ord(str(i)): digit for i, digit in enumerate(numbers.get("digits", ""))}
    places = ENGLISH_PLACES | set(messages.get("picture_places", ()))
    return TemplateTable(patterns, NumberFormat(**numbers), messages.get("functions", {}), frozenset(places))


@cache
def _messages() -> dict[str, Any]:
    rows: dict[str, Any] = json.loads((_TABLES / "messages.json").read_text(encoding="utf-8"))["languages"]
    return rows


def _read_toml(code: str) -> dict[str, Any]:
    path = _TABLES / f"{code}.toml"
    return tomllib.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
