"""Text in several variants, -{zh-hans:A; zh-hant:B}-: MediaWiki's ConverterRule for a reader who has not chosen one."""

import re

from mlukit.corpus.languages.language import Language
from mlukit.corpus.wikitext.markers import TAG, TAG_END

_INNERMOST = re.compile(r"-\{((?:(?!-\{|\}-).)*)\}-", re.DOTALL)  # over line ends, too
_HIDDEN = frozenset("HT")  # a rule for the page, the page's title: nothing is shown here
_MAX_DEPTH = 10


def resolve_variants(text: str, language: Language) -> str:
    """`text` with language converter markup replaced by the text of the main variant, or the first it falls back to."""
    if not language.variants or "-{" not in text:
        return text
    for _ in range(_MAX_DEPTH):
        text, count = _INNERMOST.subn(lambda rule: _separated(_shown(rule[1], language)), text)
        if not count:
            break
    return text


def _separated(shown: str) -> str:
    """Separates the text of a rule from the text behind it, which is no part of a link that ends the rule."""
    return shown + TAG + TAG_END if shown.endswith("]]") else shown


def _shown(rule: str, language: Language) -> str:
    """The text of a rule, which is given without its braces, in the main variant or the first fallback."""
    flags, pipe, content = rule.partition("|")
    if not pipe or "[[" in flags:
        flags, content = "", rule
    if _HIDDEN & {flag.strip() for flag in flags.split(";")} or flags.strip() == "-":
        return ""
    if flags.strip() in language.variants:  # "zh-hans|text": converted to one variant, whichever the reader's
        return content
    by_variant: dict[str, str] = {}
    for part in re.split(rf";\s*(?={'|'.join(map(re.escape, language.variants))}\s*:|$)", content):
        variant, colon, value = part.partition(":")
        variant = variant.rpartition("=>")[2].strip()  # "word=>zh-cn:text": for that word alone
        if colon and variant in language.variants:
            by_variant[variant] = value.strip()
    if not by_variant or "R" in flags:
        return content
    main = language.variants[0]
    for variant in (main, *language.variant_fallbacks.get(main, ())):
        if variant in by_variant:
            return by_variant[variant]
    return next(iter(by_variant.values()))
