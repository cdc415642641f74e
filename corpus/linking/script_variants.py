"""Converts a title to the other script of its language: "計算機" to "计算机".

On a wiki with a language converter, if no page has the written title, a link leads to the page with this title in
another variant (MediaWiki 1.39, LanguageConverter::findVariantLink). MediaWiki converts with its own tables. This
module converts with ICU, character by character, so that titles with words that differ between regions are not found.
The table of a language names ICU's transliterators: `converters` under `[titles]`.
"""

from collections.abc import Iterator
from functools import cache

import icu

from mlukit.corpus.languages.load import any_language
from mlukit.corpus.linking.title_index import Alternatives


@cache
def title_variants(language: str) -> Alternatives | None:
    """A function that returns the other forms of a title; None for a language with one script.

    Raises:
        ValueError: `language` is not the code of a Wikipedia.
    """
    converters = [icu.Transliterator.createInstance(name) for name in any_language(language).title_converters]
    if not converters:
        return None

    def variants(title: str) -> Iterator[str]:
        forms = dict.fromkeys(converter.transliterate(title) for converter in converters)
        return (form for form in forms if form != title)

    return variants


def variants_of(languages: tuple[str, ...]) -> dict[str, Alternatives]:
    """The functions of `title_variants` by language, for the languages that have one."""
    return {language: found for language in languages if (found := title_variants(language))}
