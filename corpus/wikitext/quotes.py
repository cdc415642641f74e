"""Apostrophes that are markup for italics and bold, told from those that are text: Parser::doQuotes."""

import re

_RUN = re.compile("''+")
_USUAL = frozenset({2, 3, 5})  # longer runs have apostrophes that are text, and so has one of four


def strip_quotes(line: str) -> str:
    """`line` without the apostrophes that are markup."""
    if "'''" not in line:
        return line.replace("''", "")
    lengths = [len(run) for run in _RUN.findall(line)]
    bold = len(lengths) - lengths.count(2)
    italic = len(lengths) - lengths.count(3)
    if (bold % 2 and italic % 2) or not _USUAL.issuperset(lengths):
        return _strip_one_by_one(line)
    return _RUN.sub("", line)


def _strip_one_by_one(line: str) -> str:
    parts = re.split("(''+)", line)
    bold = italic = 0
    for i in range(1, len(parts), 2):
        length = len(parts[i])
        left = 1 if length == 4 else max(0, length - 5)  # apostrophes that are text
        parts[i - 1] += "'" * left
        parts[i] = parts[i][left:]
        bold += len(parts[i]) != 2
        italic += len(parts[i]) != 3
    if bold % 2 and italic % 2:
        number = _apostrophe_before_italics(parts)
        if number:
            parts[number - 1] += "'"
    return "".join(parts[::2])


def _apostrophe_before_italics(parts: list[str]) -> int:
    """Which run of three is an apostrophe and an italic mark (l'''amour''); 0 if none.

    The first after a word of one letter, else after a longer one, else after a space.
    """
    after_word = after_space = 0
    for i in range(1, len(parts), 2):
        if len(parts[i]) != 3:
            continue
        before = parts[i - 1][-2:]
        if before.endswith(" "):
            after_space = after_space or i
        elif len(before) == 2 and before[0] == " " and " " < before[1] <= "~":  # MediaWiki counts bytes
            return i
        else:
            after_word = after_word or i
    return after_word or after_space
