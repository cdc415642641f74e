"""A Python that has the dependencies, and a wheel of ours, but nothing of this checkout."""

import os
import site
import subprocess
import sys
import venv
from pathlib import Path

_INSTALL = ("-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--no-index")


def bare_python(folder: Path, wheel: Path) -> str:
    """Makes a virtual environment with a wheel; of this Python's packages it finds all that lie in site-packages.

    An editable installation does not: that is a path to be followed from there, and these are not followed.
    """
    python = _python_with_dependencies(folder)
    subprocess.run([sys.executable, *_INSTALL, "--target", _packages(folder), wheel], check=True)
    return python


def editable_python(folder: Path, checkout: Path) -> str:
    """Makes a virtual environment in which a checkout is installed by `pip install --editable`."""
    python = _python_with_dependencies(folder)
    # the version that site-packages of this Python has is not its own to remove, so it is passed over
    pip = [sys.executable, "-m", "pip", "--python", python, *_INSTALL[2:], "--ignore-installed"]
    subprocess.run([*pip, "--no-build-isolation", "--editable", checkout], env=bare_environment(), check=True)
    return python


def _python_with_dependencies(folder: Path) -> str:
    venv.create(folder, symlinks=True)
    (_packages(folder) / "dependencies.pth").write_text("\n".join(site.getsitepackages()))
    return str(folder / "bin/python")


def _packages(folder: Path) -> Path:
    return folder / f"lib/python{sys.version_info[0]}.{sys.version_info[1]}/site-packages"


def bare_environment(**more: str) -> dict[str, str]:
    """The variables of a process that is to find nothing of this checkout."""
    return {**{name: text for name, text in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}, **more}
