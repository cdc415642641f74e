"""Patterns for the text that a template shows: wikitext with fields in braces.

    {2}            the second argument without a name
    {text|1}       the first of these arguments that is given
    {-1}           the last argument without a name
    {*}  {*, }     all arguments without a name, separated by the text after the star
    {#1}           the first argument, with its number in the language's format
    {@2}           the second argument, if it is the code of a Wikipedia
    {lc!}          no text, but the argument must be given
    {month 2}      the name of the month with the given number, else the argument
    {day 1}        the given day; a language may have a special form for the first day of a month
    {word 1}       the first argument, unless it is a code in capitals, for which the template shows a name
    {language 1}   the name of the language with the given code
    {quantity}     value and unit of {{convert}}; {quantity cvt}: the short form of {{cvt}}
    {phonemes}     the phonemes of {{IPAc-en}}
    {suffix}       the text for the star in a name such as "lang-*" or "script/*", or the number for it in "*e"
    ⟦…⟧            text that is shown only if all fields in it are given

Patterns may be joined by " // ": the first pattern whose fields are all given is used, else the last. A field that is
not given leaves a gap, which is closed in the same way as the gap of a template.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from mlukit.corpus.wikitext.markers import GAP
from mlukit.corpus.wikitext.template_fields import Conventions, Field, compile_field

_GROUP = re.compile("⟦([^⟦⟧]*)⟧")
_FIELD = re.compile(r"\{([^{}]+)\}")
_LINK = re.compile(r"\[\[(?:[^\[\]|]*\|)?([^\[\]]*)\]\]")
_NO_TARGET = re.compile(r"\[\[|[<\x01-\x1f]|^\W*$")  # a link, a note, a question mark
_SPLIT = re.compile(r"\[\[|\]\]|-\{|\}-|\|")
_LIST_MARKS = frozenset("*#:;")
_COMMAS = ",;،、，；"


@dataclass(frozen=True, slots=True)
class Piece:
    """Literal texts, and places between them; each place shows the first of its fields that is given."""

    literals: tuple[str, ...]  # one more than there are places
    places: tuple[tuple[Field, ...], ...]
    optional: bool = False

    def values(self, given: Mapping[str, str], conventions: Conventions) -> list[str]:
        """The text of each place; GAP if no field of the place is given."""
        return [
            next((value for show, name in fields if (value := show(name, given, conventions)) is not None), GAP)
            for fields in self.places
        ]


@dataclass(frozen=True, slots=True)
class Pattern:
    """A compiled pattern: the text that a template shows."""

    alternatives: tuple[tuple[Piece, ...], ...]
    suffix: str = ""  # the text for the star in the template's name

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
            return GAP  # no argument at all: the literal text would stand alone
        return out


def _filled(out: str, literals: tuple[str, ...], values: list[str]) -> str:
    """`out` with the literals and the values between them."""
    out += literals[0]
    for value, literal in zip(values, literals[1:], strict=True):
        if out.endswith("[[") and literal.startswith("]]") and _NO_TARGET.search(value):
            out, literal = out[:-2], literal[2:]
        elif "[[" in value and out.rfind("[[") > out.rfind("]]"):
            value = _LINK.sub(r"\1", value)  # a link within a link is shown as text
        out += value
        if literal[:1] in _COMMAS and out[-1:] == literal[:1]:
            literal = literal[1:]
        out += literal
    return out


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
    """An argument without white space around it, except for the line end before a list."""
    value = part.strip()
    return "\n" + value if value[:1] in _LIST_MARKS and value and "\n" in part[: part.index(value)] else value


def compile_pattern(written: str) -> Pattern:
    """Compiles a pattern of the tables."""
    return Pattern(tuple(_compile(alternative) for alternative in written.split(" // ")))


def _compile(written: str) -> tuple[Piece, ...]:
    """The pieces of one alternative; parts in ⟦ ⟧ are optional."""
    pieces = []
    for i, part in enumerate(_GROUP.split(written)):
        if part:
            split = _FIELD.split(part)
            places = tuple(tuple(map(compile_field, names.split("|"))) for names in split[1::2])
            pieces.append(Piece(tuple(split[::2]), places, optional=i % 2 == 1))
    return tuple(pieces)
