"""Kinds of pages: articles, lists, disambiguation pages, dates, by what a language's table says of them."""

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
    """The kind of a page that is no redirect.

    `templates` are named as the page writes them, with their namespace or without; `__DISAMBIG__` may be among them.
    `categories` come without their namespace. A disambiguation page is one whatever its title, a date before a list.
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
    """The folded name of `{{written}}`: "Vorlage:Begriffsklärung" and "begriffsklärung\\n" are one."""
    name = fold_name(written.strip())
    prefix, colon, rest = name.partition(":")
    if colon and language.namespaces.get(prefix.rstrip(" ")) == _TEMPLATE:
        return rest.lstrip(" ")
    return name
