"""The extras of mlukit: optional packages, and the message for a missing package."""

import importlib.util
import sys
from collections.abc import Sequence

from mlukit.engine.errors import RefusedError

EXTRAS = {  # extra in setup.py -> package -> module that the package provides
    "gcp": {
        "google-cloud-storage": "google.cloud.storage",
        "google-cloud-dataflow-client": "google.cloud.dataflow",
    },
    "aws": {"boto3": "boto3"},
    "train": {
        "safetensors": "safetensors",
        "tensorboard": "tensorboard",
        "torch": "torch",
        "transformers": "transformers",
    },
    "evaluate": {
        "safetensors": "safetensors",
        "torch": "torch",
        "networkx": "networkx",
        "scikit-learn": "sklearn",
        "seqeval": "seqeval",
    },
}


class MissingPackagesError(RefusedError):
    """Packages are not installed; the message names the packages and the command that installs them."""


def is_installed(module: str) -> bool:
    """Whether a module can be imported."""
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # the parent package is missing
        return False


def missing_packages(extra: str) -> list[str]:
    """The packages of an extra that are not installed, by their names in the package index."""
    return [package for package, module in EXTRAS[extra].items() if not is_installed(module)]


def how_to_install(what: str, extra: str, packages: Sequence[str]) -> str:
    """Returns a message with missing packages and the command that installs them.

    Args:
        what: what needs the packages, the subject of the message.
        extra: the extra of mlukit that has the packages.
        packages: the names of the packages, at least one.
    """
    *others, last = packages
    names = f"{', '.join(others)} and {last}" if others else last
    are = "are" if others else "is"
    return f"{what} needs {names}, which {are} not installed: {sys.executable} -m pip install 'mlukit[{extra}]'"


def check_extra(what: str, extra: str) -> None:
    """Checks that all packages of an extra are installed.

    Raises:
        MissingPackagesError: packages of the extra are not installed.
    """
    if packages := missing_packages(extra):
        raise MissingPackagesError(how_to_install(what, extra, packages))
