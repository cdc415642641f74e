"""Resolves text in several variants, -{zh-hans:A; zh-hant:B}-, by MediaWiki's ConverterRule for the default reader."""

import re
from dataclasses import dataclass
from functools import cache

from mlukit.corpus.languages.language import Language
from mlukit.corpus.wikitext.markers import TAG, TAG_END

_INNERMOST = re.compile(r"-\{((?:(?!-\{|\}-).)*)\}-", re.DOTALL)  # over line ends, too
_MAX_DEPTH = 10
# Names in BCP 47 that differ from the variant's name in more than case. Source: MediaWiki 1.39, LanguageCode.php,
# NON_STANDARD_LANGUAGE_CODE_MAPPING.
_BCP47 = {
    "sr-cyrl": "sr-ec",
    "sr-latn": "sr-el",
    "zh-hans-cn": "zh-cn",
    "zh-hans-sg": "zh-sg",
    "zh-hans-my": "zh-my",
    "zh-hant-tw": "zh-tw",
    "zh-hant-hk": "zh-hk",
    "zh-hant-mo": "zh-mo",
}
_ENTITY = "&[#a-zA-Z0-9]+;"
_HIDING_FLAGS = ("N", "-", "H")  # the name of a variant, a rule taken back, a rule for the page


def resolve_variants(text: str, language: Language) -> str:
    """`text` with the text of the main variant, or of its first fallback, in place of language converter markup."""
    if not language.variants or "-{" not in text:
        return text
    rules = _rules(language)
    for _ in range(_MAX_DEPTH):
        text, count = _INNERMOST.subn(lambda rule: _separated(rules.shown(rule[1]), rule), text)
        if not count:
            break
    return text


def _separated(shown: str, rule: re.Match[str]) -> str:
    """Separates the text of a rule from the text around it, so that it neither begins a list nor continues a link."""
    start = rule.start()
    if not start or rule.string[start - 1] == "\n":
        shown = TAG + TAG_END + shown
    return shown + TAG + TAG_END if shown.endswith("]]") else shown


@dataclass(frozen=True, slots=True)
class _Rules:
    """Reads the rules of one language: ConverterRule::parseFlags, parseRules, getRuleConvertedStr."""

    variants: tuple[str, ...]
    tried: tuple[str, ...]  # the main variant, then its fallbacks
    names: dict[str, str]  # every name of a variant, in lower case -> variant
    edge: re.Pattern[str]  # an entity, or a semicolon that ends the text of a variant

    def shown(self, rule: str) -> str:
        """The text of a rule, which is given without its braces."""
        written, pipe, content = rule.partition("|")
        if not pipe or "[[" in written:
            written, content = "", rule
        flags = {flag.strip() for flag in written.split(";")}
        if "R" in flags:
            return content
        if not flags.isdisjoint(_HIDING_FLAGS):
            return ""
        if not flags.isdisjoint(self.variants):  # "zh-hans|text": converted to one variant, whichever the reader's
            return content
        if "T" in flags and "A" not in flags:  # for the page's title alone
            return ""
        both_ways, one_way = self._texts(content.replace("=&gt;", "=>"))
        for variant in self.tried:
            if variant in both_ways:
                return both_ways[variant]
        main = self.tried[0]
        return one_way[main] if main in one_way else next(iter((both_ways or one_way).values()), content)

    def _texts(self, content: str) -> tuple[dict[str, str], dict[str, str]]:
        """The texts by variant, and the texts of its first `word=>zh-cn:text`; empty if a variant is unknown."""
        both_ways: dict[str, str] = {}
        one_way: dict[str, dict[str, str]] = {}
        for part in self._parts(content):
            name, colon, text = part.partition(":")
            if not colon:
                continue
            word, arrow, target = name.partition("=>")
            variant = self.names.get((target if arrow else name).strip().lower())
            if variant is None:
                return {}, {}
            if arrow and word.strip():
                one_way.setdefault(variant, {})[word.strip()] = text.strip()
            elif not arrow and text.strip():
                both_ways[variant] = text.strip()
        return both_ways, {variant: next(iter(texts.values())) for variant, texts in one_way.items()}

    def _parts(self, content: str) -> list[str]:
        """The parts of a rule, each with the name of its variant."""
        parts: list[str] = []
        start = 0
        for edge in self.edge.finditer(content):
            if edge[0][0] == ";":
                parts.append(content[start : edge.start()])
                start = edge.end()
        return [*parts, content[start:]]


@cache
def _rules(language: Language) -> _Rules:
    """The rules of a language that has variants."""
    variants = language.variants
    names = {variant: variant for variant in variants} | {
        name: variant for name, variant in _BCP47.items() if variant in variants
    }
    name = rf"(?:{'|'.join(map(re.escape, names))})\s*:"
    edge = rf"{_ENTITY}|;\s*+(?={name}|(?:{_ENTITY}|[^;])*?=>\s*{name}|\Z)"
    main = variants[0]
    tried = (main, *language.variant_fallbacks.get(main, ()))
    return _Rules(variants, tried, names, re.compile(edge, re.IGNORECASE))
