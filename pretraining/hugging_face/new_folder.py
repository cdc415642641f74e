"""Writes a folder so that it exists with all its files, or does not exist."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """Makes a temporary folder to write to, and renames it to `folder` if nothing failed.

    Raises:
        FileExistsError: the folder exists and is not empty.
    """
    folder = folder.resolve()  # "." has no name
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise FileExistsError(f"{folder} exists: name a folder that does not")
    temporary = folder.with_name(f".{folder.name}.writing")
    shutil.rmtree(temporary, ignore_errors=True)  # left by a killed process
    temporary.mkdir(parents=True)
    try:
        yield temporary
        _make_readable(temporary)
        temporary.replace(folder)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def _make_readable(folder: Path) -> None:
    """Gives the files the permissions of new files: safetensors writes files that only the user can read."""
    fresh = folder / ".new"
    fresh.touch()
    mode = fresh.stat().st_mode
    fresh.unlink()
    for file in folder.iterdir():
        file.chmod(mode)
