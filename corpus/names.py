"""Folding of names, by which namespaces, interwiki prefixes and templates are looked up."""


def fold_name(name: str) -> str:
    """A namespace's, wiki's or template's name as tables are keyed by it: lower case, single spaces, none at the ends.

    MediaWiki looks names up by `Language::lc`, with underscores for spaces.
    """
    return " ".join(name.replace("_", " ").split()).lower()
