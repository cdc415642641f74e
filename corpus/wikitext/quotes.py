"""Separates apostrophes that mark italics and bold from apostrophes that are text: Parser::doQuotes."""

import re

_RUN = re.compile("''+")
_USUAL = frozenset({2, 3, 5})  # lengths of runs; other runs have apostrophes that are text


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
    """`strip_quotes` for a line in which some apostrophes of the runs are text."""
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
    """The number of the run of three that is an apostrophe and an italic mark (l'''amour''); 0 if there is no such run.

    This is the first run after a word of one letter, else the first after a longer word, else the first after a space.
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
