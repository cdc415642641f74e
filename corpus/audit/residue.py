"""Finds remains of markup in text: characters that no reader of the page sees, or that a reader takes for a mistake.

Not every place found is wrong: authors write "a < b", two spaces, and a space before a comma. So the rate of a class is
an upper limit for the markup that is left; where the page's wikitext is at hand, `literal_markup` tells which places
its author wrote.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import chain
from typing import NamedTuple

from mlukit.corpus.languages.language import Language
from mlukit.corpus.languages.load import any_language

_NAMED_NAMESPACES = (6, 14, 10)  # File, Category, Template: a line that begins with one is a link gone wrong
_CLOSING = re.escape(")]}）］」』】»”")
_OPENING = re.escape("([（［")
_COMMAS = ",;،؛、，；"
_PUNCTUATION = ",;:.!?،؛؟。，、；：！？।॥"


@dataclass(frozen=True, slots=True)
class ResidueClass:
    """One form in which markup is left in text."""

    name: str
    text: str  # the meaning of the class, for the report
    pattern: re.Pattern[str]  # searched in the text of a page; ^ and $ are the ends of a paragraph


class Residue(NamedTuple):
    """A place in a text."""

    name: str  # of its class
    start: int
    end: int


# name -> (meaning, pattern). A position should match the pattern of one class only. A pattern begins with a plain
# character, and a lookbehind then checks the text before the character: this is ten times as fast.
_CLASSES: dict[str, tuple[str, str]] = {
    "{{ }}": ("a template's braces", r"\{\{+|\}\}+"),
    "{ }": ("a single brace", r"\{(?<![{|]\{)(?![{|])|\}(?<![}|]\})(?![}|])"),
    "[[ ]]": ("a link's brackets", r"\[\[+|\]\]+"),
    "[url": ("an external link's bracket", r"(?<!\[)\[(?=(?:https?|ftp)://|//|mailto:)"),
    "table": ("code of a table", r"\{\||\|\}|\|[+-](?<=^..)|! (?<=^..)|\|\|(?<!\|\|\|)(?!\|)|=(?<=(?:row|col)span=)"),
    "|": ("a pipe", r"\|(?<![|{]\|)(?![|}+-])|\|(?<=[^|{\n]\|)(?=[+-])"),
    "tag": ("a tag of HTML or an extension", r"</?[A-Za-z][A-Za-z0-9]*(?:[ /][^<>\n]{0,200})?>|<!--|-->"),
    "< >": ("an angle bracket that is not part of a tag", r"<(?![/A-Za-z!])|(?<![A-Za-z0-9\"'/-])>"),
    "''": ("marks of italic and bold", r"''+"),
    "== at line start": ("marks of a heading", r"^==+"),
    "list mark": ("marks of a list", r"^[*#:;]"),
    "empty brackets": ("brackets around nothing", r"\([ ,;:–-]*\)|\[ *\]|（[ ，、；]*）|[«“„][ ]*[»”]"),
    "hole": (
        "punctuation beside something that was left out",
        rf"[{_OPENING}] ?[{_COMMAS}](?![ ,;:–-]*\))|[{_COMMAS}](?<![(（ ].) ?[{_CLOSING}]"
        rf"|[{_COMMAS}] ?[{_COMMAS}](?! ?\))",
    ),
    "begins with punctuation": ("the text before the punctuation was left out", r"^[,.)\]、。，）।»](?![.\w])"),
    "doubled spaces": ("two spaces or more", r"  +"),
    "&name;": ("a character reference", r"&(?:[A-Za-z][A-Za-z0-9]{1,30}|#[0-9]{1,8}|#[xX][0-9A-Fa-f]{1,8});"),
    "__SWITCH__": ("a behaviour switch", r"__[^\W\d_]+__"),
    "magic word": (
        "a parser function or a template's parameter",
        r"#(?:if|ifeq|ifexpr|switch|expr|invoke|tag):|\{\{\{",
    ),
    "character": (
        "a control or private character, or U+FFFD",
        "[\x00-\x08\x0b-\x1f\x7f-\x84\x86-\x9f\ue000-\uf8ff\ufffd]",
    ),
}
_SPACED = "space before punctuation"
_NAMESPACE = "File: Category:"


@cache
def residue_classes(code: str) -> tuple[ResidueClass, ...]:
    """The classes for a language, whose typography may put a space before some punctuation.

    Raises:
        ValueError: `code` is not the code of a Wikipedia.
    """
    language = any_language(code)
    rows = [(name, *row) for name, row in _CLASSES.items()]
    rows.append((_SPACED, "a space before punctuation", _spaced(language)))
    rows.append((_NAMESPACE, "a line that begins with the name of a namespace", _namespace(language)))
    return tuple(ResidueClass(name, text, re.compile(pattern, re.MULTILINE)) for name, text, pattern in rows)


def find_residue(text: str, classes: tuple[ResidueClass, ...]) -> Iterator[Residue]:
    """The remains of markup in a page's text, class by class."""
    return chain.from_iterable(
        (Residue(residue_class.name, match.start(), match.end()) for match in residue_class.pattern.finditer(text))
        for residue_class in classes
    )


def _spaced(language: Language) -> str:
    """The pattern of a space before punctuation, except " ...", " .NET", " :-)" and the language's usual spaces."""
    signs = "".join(sign for sign in _PUNCTUATION if sign not in language.spaced_punctuation)
    return rf"(?<=[^\s,;:.!?(（–—-]) +[{re.escape(signs)}](?=[\s{_CLOSING}]|$)"


def _namespace(language: Language) -> str:
    """The pattern of a paragraph that begins with the name of a namespace."""
    names = (name for name, number in language.namespaces.items() if number in _NAMED_NAMESPACES)
    return rf"^(?i:{'|'.join(map(re.escape, sorted(names)))}) ?:(?=\S)"
