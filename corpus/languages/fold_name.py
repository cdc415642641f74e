"""Folds names to the form in which namespaces, interwiki prefixes and templates are looked up."""


def fold_name(name: str) -> str:
    """A namespace's, wiki's or template's name as tables are keyed by it: lower case, single spaces, none at the ends.

    MediaWiki looks names up by `Language::lc`, with underscores for spaces; other white space is no space.
    """
    return " ".join(part for part in name.replace("_", " ").split(" ") if part).lower()
