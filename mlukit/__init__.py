"""mlukit: from Wikipedia dumps to multilingual entity training examples, and to models.

This folder is the installed package. Each room of the repository (`corpus`, `engine`, …) is a symbolic link in this
folder, so that all code has the same name, `mlukit.corpus…`, in a checkout and in site-packages.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlukit.library.mentions import Mentions
    from mlukit.library.parse import parse
    from mlukit.library.read_pages import read_pages
    from mlukit.library.read_tables import read_articles, read_examples
    from mlukit.library.vocabulary import Vocabulary
    from mlukit.linker.linker import Linker
    from mlukit.pretraining.prediction.load_model import load_model
    from mlukit.schemas.arrow import as_row

__all__ = [
    "Linker",
    "Mentions",
    "Vocabulary",
    "as_row",
    "load_model",
    "parse",
    "read_articles",
    "read_examples",
    "read_pages",
]
_HOMES = {  # imported when used: `import mlukit` stays quick
    "Linker": "mlukit.linker.linker",
    "Mentions": "mlukit.library.mentions",
    "Vocabulary": "mlukit.library.vocabulary",
    "as_row": "mlukit.schemas.arrow",
    "load_model": "mlukit.pretraining.prediction.load_model",
    "parse": "mlukit.library.parse",
    "read_articles": "mlukit.library.read_tables",
    "read_examples": "mlukit.library.read_tables",
    "read_pages": "mlukit.library.read_pages",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'mlukit' has no attribute {name!r}; it has {', '.join(__all__)}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
