"""Numbers as a language writes them: MediaWiki's {{formatnum:}}, and the numbers that templates format."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

_NUMBER = re.compile(r"(-(?=[\d.]))?(\d+|(?=\.\d))(\.\d*)?")
_PLAIN = re.compile(r"(?<![\d.,\w])([-−]?)(\d{1,40})(?:\.(\d{1,40}))?(?![.,]?\d)")
_AMBIGUOUS = 3  # this number of decimals may be a group of thousands, in a language that separates them by full stops


@dataclass(frozen=True, slots=True)
class NumberFormat:
    """How {{formatnum:}} writes numbers."""

    decimal: str = "."
    separator: str = ","
    minimum: int = 1  # digits before the first separator
    indian: bool = False  # 12,34,567
    digits: Mapping[int, str] = field(default_factory=dict)  # for str.translate

    def plain(self, number: str) -> str:
        """Converts a number in this format to a computer's format: "1.234,5" to "1234.5"."""
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

    def written(self, text: str) -> str:
        """Converts the numbers in `text` from a computer's format to the language's format."""
        return _NUMBER.sub(self._written, text)

    def first_written(self, text: str) -> str:
        """Converts the first number in `text` to the language's format; a number that has this format stays."""
        return _PLAIN.sub(self._formatted, text, count=1)

    def all_written(self, text: str) -> str:
        """Converts all numbers in `text` to the language's format; numbers that have this format stay."""
        return _PLAIN.sub(self._formatted, text)

    def _written(self, number: re.Match[str]) -> str:
        return self._join(number[1] or "", number[2], number[3] or "")

    def _formatted(self, number: re.Match[str]) -> str:
        """A number in the language's format; a number that may already have this format stays."""
        decimals = number[3] or ""
        if len(decimals) == _AMBIGUOUS and self.decimal != ".":
            return number[0]
        whole = number[2] if number[2].startswith("0") else self.group(number[2])
        shown = number[1].replace("-", "−") + whole + (self.decimal + decimals if decimals else "")
        return shown.translate(self.digits)

    def _join(self, sign: str, whole: str, fraction: str) -> str:
        shown = self.group(whole)
        if fraction:
            shown += self.decimal + fraction[1:]
        return (sign.replace("-", "−") + shown).translate(self.digits)
