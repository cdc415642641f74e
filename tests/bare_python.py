"""A Python that has the dependencies, and a wheel of ours, but nothing of this checkout."""

import os
import site
import subprocess
import sys
import venv
from pathlib import Path


def bare_python(folder: Path, wheel: Path) -> str:
    """Makes a virtual environment with a wheel; of this Python's packages it finds all that lie in site-packages.

    An editable installation does not: that is a path to be followed from there, and these are not followed.
    """
    venv.create(folder, symlinks=True)
    packages = folder / f"lib/python{sys.version_info[0]}.{sys.version_info[1]}/site-packages"
    install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--no-index"]
    subprocess.run([sys.executable, *install, "--target", packages, wheel], check=True)
    (packages / "dependencies.pth").write_text("\n".join(site.getsitepackages()))
    return str(folder / "bin/python")


def bare_environment(**more: str) -> dict[str, str]:
    """The variables of a process that is to find nothing of this checkout."""
    return {**{name: text for name, text in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}, **more}
