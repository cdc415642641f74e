"""Workplaces for tests that do tasks themselves, without a pipeline."""

from pathlib import Path

from mlukit.engine.heartbeat import LAUNCHER
from mlukit.engine.workplace import Workplace


def workplace(root: Path, board: Path | None = None) -> Workplace:
    """A place on this machine for one worker; its launcher's folder is new if it is not named."""
    folder = board or root / "board"
    folder.mkdir(parents=True, exist_ok=True)
    return Workplace(str(root), str(folder), 1)


def on_cluster(root: Path) -> Workplace:
    """A place on a cluster, where somebody waits for the pipeline."""
    place = Workplace(str(root), str(root / "_work/boards/1"), 0)
    place.notes.write_json(LAUNCHER, {})
    return place
