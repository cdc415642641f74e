"""Reads the rules for kinds of pages from the hand-written table of a language.

In the patterns of `[date] titles`, `{year}`, `{month}` and the other names of `_PARTS` match years, months and so on,
in the digits of any script.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from mlukit.corpus.languages.fold_name import fold_name
from mlukit.corpus.languages.language import KindRules

_ZEROS, _ONES, _TWOS = "0٠۰০०౦๐", "1١۱১१౧๑", "2٢۲২२౨๒"
_PARTS = {
    "year": rf"(?:\d{{1,3}}|[{_ONES}]\d{{3}}|[{_TWOS}][{_ZEROS}{_ONES}]\d\d)",  # to 2199: bigger numbers are numbers
    "decade": rf"(?:\d{{1,3}}[{_ZEROS}]|[{_ZEROS}])",
    "century": r"\d{1,2}",
    "day": r"\d{1,2}",
    "roman": "[IVXLC]+",
}


def read_kind_rules(written: Mapping[str, Any]) -> KindRules:
    """The rules in a `{code}.toml`; a missing rule matches nothing.

    Raises:
        re.error: a pattern is not a regular expression.
    """
    disambiguation, lists, dates = (written.get(name, {}) for name in ("disambiguation", "list", "date"))
    return KindRules(
        disambiguation_templates=frozenset(map(fold_name, ("__DISAMBIG__", *disambiguation.get("templates", ())))),
        disambiguation_title=_in_brackets(disambiguation.get("titles", ())),
        list_namespaces=frozenset(lists.get("namespaces", ())),
        list_title=_any_of(lists.get("titles", ())),
        list_category=_any_of(lists.get("categories", ())),
        date_title=_any_of(_with_parts(dates.get("titles", ()), dates.get("months", ())), re.IGNORECASE),
    )


def _in_brackets(words: Sequence[str]) -> re.Pattern[str] | None:
    """Matches one of the words in brackets at the end of a title; None without words."""
    return re.compile(f"[(（](?:{'|'.join(map(re.escape, words))})[)）]$", re.IGNORECASE) if words else None


def _any_of(patterns: Sequence[str], flags: int = 0) -> re.Pattern[str] | None:
    """Matches what any of the patterns matches; None without patterns."""
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns), flags) if patterns else None


def _with_parts(patterns: Sequence[str], months: Sequence[str]) -> list[str]:
    """The patterns with the expressions of years, months and so on in place of {year}, {month} and so on."""
    longest_first = sorted(months, key=len, reverse=True)
    parts = {**_PARTS, "month": f"(?:{'|'.join(map(re.escape, longest_first))})"}
    return [re.sub(r"\{([a-z]+)\}", lambda match: parts[match[1]], pattern) for pattern in patterns]
