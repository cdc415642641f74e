"""mlukit: from Wikipedia dumps to multilingual entity training examples, and to models.

This folder is the installed package. Each room of the repository (`corpus`, `engine`, …) is a symbolic link in this
folder, so that all code has the same name, `mlukit.corpus…`, in a checkout and in site-packages.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlukit.linker.linker import Linker
    from mlukit.pretraining.prediction.load_model import load_model

__all__ = ["Linker", "load_model"]
_HOMES = {  # imported when used: `import mlukit` stays quick
    "Linker": "mlukit.linker.linker",
    "load_model": "mlukit.pretraining.prediction.load_model",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'mlukit' has no attribute {name!r}; it has {', '.join(__all__)}")
    return getattr(importlib.import_module(_HOMES[name]), name)
