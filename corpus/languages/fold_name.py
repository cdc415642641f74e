"""Folds names to the form in which namespaces, interwiki prefixes and templates are looked up."""


def fold_name(name: str) -> str:
    """Folds the name of a namespace, wiki or template to a key of tables: lower case, single spaces, none at the ends.

    MediaWiki looks up names by `Language::lc`, with underscores for spaces; other white space does not count as space.
    """
    return " ".join(part for part in name.replace("_", " ").split(" ") if part).lower()
