"""The kind of a page (article, list, disambiguation page, date), by the table of its language."""

from collections.abc import Iterable

from mlukit.corpus.languages.fold_name import fold_name
from mlukit.corpus.languages.language import Language
from mlukit.corpus.titles.normalise import namespace_of
from mlukit.schemas.records import Kind

__all__ = ["classify", "namespace_of"]

_TEMPLATE = 10  # MediaWiki's NS_TEMPLATE


def classify(
    title: str, namespace: int, templates: Iterable[str], categories: Iterable[str], language: Language
) -> Kind:
    """The kind of a page that is not a redirect.

    Disambiguation pages come first, then dates, then lists.

    Args:
        title: the title of the page.
        namespace: the namespace of the page.
        templates: names as the page writes them, with or without their namespace; `__DISAMBIG__` may be among them.
        categories: names without their namespace.
        language: the language of the page's Wikipedia.
    """
    rules = language.kinds
    if namespace:
        return "list" if namespace in rules.list_namespaces else "other"
    if rules.disambiguation_title and rules.disambiguation_title.search(title):
        return "disambiguation"
    if any(_template_name(name, language) in rules.disambiguation_templates for name in templates):
        return "disambiguation"
    if rules.date_title and rules.date_title.fullmatch(title):
        return "date"
    if rules.list_title and rules.list_title.search(title):
        return "list"
    if rules.list_category and any(rules.list_category.search(name.replace("_", " ").strip()) for name in categories):
        return "list"
    return "article"


def _template_name(written: str, language: Language) -> str:
    """The folded name of `{{written}}`: the same for "Vorlage:Begriffsklärung" and "begriffsklärung\\n"."""
    name = fold_name(written.strip())
    prefix, colon, rest = name.partition(":")
    if colon and language.namespaces.get(prefix.rstrip(" ")) == _TEMPLATE:
        return rest.lstrip(" ")
    return name
