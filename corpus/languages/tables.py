"""Reads the table files in `corpus/languages/` without interpreting them."""

import json
import tomllib
from functools import cache
from importlib.resources import files
from typing import Any

_FOLDER = files("mlukit.corpus.languages")


@cache
def read_shared_table(name: str) -> dict[str, Any]:
    """A table of several languages: "wikipedias.toml", "messages.json"; cached, so callers must not change it."""
    return read_table(name)


def read_table(name: str) -> dict[str, Any]:
    """The table in the file `name`, which ends in .json or .toml."""
    text = (_FOLDER / name).read_text(encoding="utf-8")
    table: dict[str, Any] = json.loads(text) if name.endswith(".json") else tomllib.loads(text)
    return table


def table_names() -> frozenset[str]:
    """The names of all files in `corpus/languages/`."""
    return frozenset(entry.name for entry in _FOLDER.iterdir())
