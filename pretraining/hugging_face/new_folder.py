"""A folder that is there with all its files, or not at all."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """A folder beside the one wanted, to write to; it takes its name when all went well.

    Raises:
        FileExistsError: the folder exists and is not empty.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise FileExistsError(f"{folder} exists: name a folder that does not")
    aside = folder.with_name(f".{folder.name}.writing")
    shutil.rmtree(aside, ignore_errors=True)  # by a process that was killed
    aside.mkdir(parents=True)
    try:
        yield aside
        _make_readable(aside)
        aside.replace(folder)
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)
        raise


def _make_readable(folder: Path) -> None:
    """Gives files the permissions of any new file: safetensors keeps its own to the user alone."""
    fresh = folder / ".new"
    fresh.touch()
    mode = fresh.stat().st_mode
    fresh.unlink()
    for file in folder.iterdir():
        file.chmod(mode)
