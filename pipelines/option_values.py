"""Parsers of option values; their errors show the wrong value and what would be accepted."""

from argparse import ArgumentTypeError
from collections.abc import Callable, Sequence

from mlukit.engine.command_parser import nearest


def words(text: str) -> tuple[str, ...]:
    """Splits words: "en, de" -> ("en", "de")."""
    return tuple(word for word in text.replace(",", " ").split() if word)


def some_words(text: str) -> tuple[str, ...]:
    """Splits words, of which there must be at least one."""
    found = words(text)
    if not found:
        raise ArgumentTypeError(f"{text!r} is empty; accepted: one or more words, such as en,de")
    return found


def plain_path(text: str) -> str:
    """Removes "file://" from a local path; keeps a path on another filesystem that Beam supports."""
    return text.removeprefix("file://")


def among(accepted: Sequence[str], needed: str = "") -> Callable[[str], tuple[str, ...]]:
    """Returns a parser of accepted words, which are sorted in the order of `accepted`.

    Args:
        accepted: the accepted words.
        needed: a word that is required, because later stages read it.
    """

    def parse(text: str) -> tuple[str, ...]:
        found = words(text)
        for word in found:
            if word not in accepted:
                raise ArgumentTypeError(f"{word!r} is not one of {', '.join(accepted)}{nearest(word, accepted)}")
        if not found:
            raise ArgumentTypeError(f"{text!r} is empty; accepted: {', '.join(accepted)}")
        if needed and needed not in found:
            raise ArgumentTypeError(f"{text!r} lacks {needed}, which later stages read; accepted: {needed},{text}")
        return tuple(word for word in accepted if word in found)

    return parse


def share(text: str) -> float:
    """Parses a share, such as 0.01."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < 1:
        raise ArgumentTypeError(f"{text!r} is not a share; accepted: a number from 0 to less than 1, such as 0.01")
    return value


def qid(text: str) -> str:
    """Parses a QID: "q64" -> "Q64"."""
    number = text.upper().removeprefix("Q")
    if not (number.isascii() and number.isdecimal() and int(number)):
        raise ArgumentTypeError(f"{text!r} is not the QID of an item, such as Q64")
    return f"Q{int(number)}"


_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}


def size(text: str) -> int:
    """Parses a number of bytes: "32MiB" -> 33554432."""
    digits = text.lower().removesuffix("b").removesuffix("i")
    number, unit = (digits[:-1], digits[-1]) if digits[-1:] in ("k", "m", "g") else (digits, "")
    if not number.isdecimal() or int(number) == 0:
        raise ArgumentTypeError(f"{text!r} is not a size such as 32MiB")
    return int(number) * _UNITS[unit]


def language_path(text: str) -> tuple[str, str]:
    """Parses a language with a path: "en=PATH" -> ("en", "PATH")."""
    language, equals, file = text.partition("=")
    if not (language and equals and file):
        raise ArgumentTypeError(f"{text!r} is not LANGUAGE=PATH, such as en=enwiki.xml.bz2")
    return language, plain_path(file)
