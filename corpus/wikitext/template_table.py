"""The wikitext table of a language: texts of templates, format of numbers, words for the places of pictures.

Templates are in `corpus/languages/wikitext/{code}.toml` and, for all languages, in `common.toml`, as patterns of
`corpus.wikitext.template_pattern`. The rest is in `messages.json` in the same folder, which
`tools/make_wikitext_messages.py` makes.
"""

import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any

from mlukit.corpus.languages.fold_name import fold_name
from mlukit.corpus.wikitext.number_format import NumberFormat
from mlukit.corpus.wikitext.quantities import Units
from mlukit.corpus.wikitext.quotation import UNSPACED
from mlukit.corpus.wikitext.template_fields import Conventions
from mlukit.corpus.wikitext.template_pattern import Pattern, compile_pattern

_NUMBERED = re.compile(r"(\d+)([^\d\W]+)")
_WORD = re.compile(r"[^\W_]+")
_TABLES = files("mlukit.corpus.languages") / "wikitext"
# MediaWiki 1.39, MessagesEn.php: img_thumbnail, img_framed, img_left, img_right, img_center, img_none
ENGLISH_PLACES = frozenset(
    {"thumb", "thumbnail", "frame", "framed", "enframed", "left", "right", "center", "centre", "none"}
)


@dataclass(frozen=True, slots=True, eq=False)
class TemplateTable:
    """The table of one language; names of templates have the form of `template_name`."""

    patterns: Mapping[str, Pattern]
    folded: Mapping[str, Pattern]  # the same patterns by names in small letters
    notes: frozenset[str]  # folded names of templates that stand for <ref>, or for a remark in its place
    boxes: frozenset[str]  # folded names of templates whose lists are not running text
    ends: frozenset[str]  # words in the names of templates that end a table
    unspaced_ends: tuple[str, ...]  # the words of `ends` that follow another word without a space
    conventions: Conventions
    functions: Mapping[str, str]  # local names of magic words, in small letters -> English ones
    picture_places: frozenset[str]  # "thumb", "right", …: options of a picture that stands beside the text

    def pattern(self, name: str) -> Pattern | None:
        """The pattern of the template `name`; None for a template that is not in the table.

        MediaWiki distinguishes capitals from small letters, except for the first letter. Wikipedias have redirects for
        other spellings of usual names, so other spellings are found, too. A name in capitals ({{ESP}}, a flag) must
        match exactly.
        """
        exact = template_name(name)
        found = self.patterns.get(exact)
        if found is not None:
            return found
        folded = exact.lower()
        if not name.isupper():
            found = self.folded.get(folded)
            if found is not None:
                return found
        number = _NUMBERED.fullmatch(folded)
        if number:
            starred = self.folded.get("*" + number[2])
            return Pattern(starred.alternatives, number[1]) if starred is not None else None
        for separator in "-/":
            prefix, _, suffix = folded.partition(separator)
            starred = self.folded.get(f"{prefix}{separator}*") if suffix else None
            if starred is not None:
                return Pattern(starred.alternatives, suffix)
        return None

    def is_note(self, name: str) -> bool:
        """Whether the template `name` stands for <ref>, or for a remark in its place."""
        return _is_note(self, name)

    def ends_table(self, name: str) -> bool:
        """Whether the template `name` ends a table that a template or wikitext began: {{s-end}}, {{Fin tableau}}."""
        return _ends_table(self, name)


@lru_cache(1 << 14)
def _is_note(table: TemplateTable, name: str) -> bool:
    return fold_name(name) in table.notes


@lru_cache(1 << 14)
def _ends_table(table: TemplateTable, name: str) -> bool:
    words = _WORD.findall(name.lower())
    return any(word in table.ends or word.endswith(table.unspaced_ends) for word in words)


def template_name(name: str) -> str:
    """A template's name in MediaWiki's form, with single spaces inside, but with a small first letter."""
    if "_" in name or "  " in name:
        name = " ".join(part for part in name.replace("_", " ").split(" ") if part)
    return name[:1].lower() + name[1:]


@cache
def load_template_table(code: str) -> TemplateTable:
    """The table of a Wikipedia; without a file for its language, the common templates and MediaWiki's own words."""
    common, local = _read_toml("common"), _read_toml(code)
    patterns: dict[str, Pattern] = {}
    for table in (common, local):
        for written, names in table.get("templates", {}).items():
            compiled = compile_pattern(written)
            for name in names:
                _forget(patterns, name)
                patterns[template_name(name)] = compiled
        for name in table.get("left_out", ()):
            _forget(patterns, name)
    messages = _messages().get(code, {})
    ends = _folded_names("table_ends", common, local)
    places = ENGLISH_PLACES | set(messages.get("picture_places", ()))
    return TemplateTable(
        patterns,
        {name.lower(): pattern for name, pattern in patterns.items()},
        _folded_names("notes", common, local),
        _folded_names("boxes", common, local),
        ends,
        tuple(sorted(end for end in ends if UNSPACED.match(end))),
        _conventions(code, common, local, messages),
        messages.get("functions", {}),
        frozenset(places),
    )


def _folded_names(key: str, *tables: dict[str, Any]) -> frozenset[str]:
    return frozenset(fold_name(name) for table in tables for name in table.get(key, ()))


def _forget(patterns: dict[str, Pattern], name: str) -> None:
    """Removes a template of an earlier table, in this or another spelling."""
    for spelling in {template_name(name), fold_name(name)}:
        patterns.pop(spelling, None)


def _conventions(code: str, common: dict[str, Any], local: dict[str, Any], messages: dict[str, Any]) -> Conventions:
    """The conventions of a language, from the common table, its own table and MediaWiki's messages."""
    numbers = dict(messages.get("numbers", {}))
    numbers["digits"] = {ord(str(i)): digit for i, digit in enumerate(numbers.get("digits", ""))}
    names = {unit: (one, several) for unit, (one, several) in local.get("unit_names", {}).items()}
    symbols = common["unit_symbols"] | local.get("unit_symbols", {})
    units = Units(symbols, names, local.get("words_between_numbers", {}))
    return Conventions(
        code, NumberFormat(**numbers), units, tuple(local.get("months", ())), local.get("first_day", "1")
    )


@cache
def _messages() -> dict[str, Any]:
    rows: dict[str, Any] = json.loads((_TABLES / "messages.json").read_text(encoding="utf-8"))["languages"]
    return rows


def _read_toml(code: str) -> dict[str, Any]:
    path = _TABLES / f"{code}.toml"
    return tomllib.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
