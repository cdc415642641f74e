"""Reading what a language's hand-written table says of kinds of pages."""

from collections.abc import Mapping
from typing import Any

from corpus.language import KindRules


def read_kind_rules(written: Mapping[str, Any]) -> KindRules:
    """The rules of `{code}.toml`."""
    return KindRules()
