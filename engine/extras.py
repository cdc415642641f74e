"""The extras of mlukit: packages that only some installations have, and the message where they are missing."""

import importlib.util
import sys
from collections.abc import Sequence

from mlukit.engine.errors import RefusedError

EXTRAS = {  # extra of setup.py -> package -> a module of it that is imported
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
}


class MissingPackagesError(RefusedError):
    """Packages are not installed; the text names them, and the command that installs them."""


def is_installed(module: str) -> bool:
    """Whether a module could be imported."""
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # not even its parent
        return False


def missing_packages(extra: str) -> list[str]:
    """The packages of an extra that are not installed, by their names in a registry."""
    return [package for package, module in EXTRAS[extra].items() if not is_installed(module)]


def how_to_install(what: str, extra: str, packages: Sequence[str]) -> str:
    """A message that names missing packages, and the command that installs them.

    Args:
        what: needs them.
        extra: of mlukit that brings them.
        packages: at least one.
    """
    *others, last = packages
    names = f"{', '.join(others)} and {last}" if others else last
    are = "are" if others else "is"
    return f"{what} needs {names}, which {are} not installed: {sys.executable} -m pip install 'mlukit[{extra}]'"


def check_extra(what: str, extra: str) -> None:
    """Refuses to go on without the packages of an extra.

    Raises:
        MissingPackagesError: some are not installed.
    """
    if packages := missing_packages(extra):
        raise MissingPackagesError(how_to_install(what, extra, packages))
