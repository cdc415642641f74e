"""Warns before the work begins if the disk has less space than a run is expected to need."""

import shutil
from collections.abc import Collection, Iterable
from pathlib import Path

from mlukit.engine.logs import warn
from mlukit.engine.storage import Storage, is_local
from mlukit.pipelines.preparation.estimate import disk_bytes, xml_of
from mlukit.pipelines.settings import Settings
from mlukit.schemas import layout
from mlukit.schemas.layout import STAGES
from mlukit.schemas.wording import byte_count


def warn_of_little_space(
    storage: Storage, settings: Settings, stages: Collection[str], dumps: Iterable[tuple[str, int]]
) -> None:
    """Warns if the disk of a local output folder has less space than stages are expected to need.

    Args:
        storage: the output folder.
        settings: of the command.
        stages: names of the stages to do.
        dumps: path and size of each file of the dumps.
    """
    if not is_local(storage.root):
        return
    before = [stage for stage in STAGES if storage.exists(layout.stage_record(stage))]
    formats = len(settings.articles_format), len(settings.format)
    _, most = disk_bytes(xml_of(dumps), {*before, *stages}, *formats)
    needed = most - sum(storage.sizes().values())
    place, free = free_space(Path(storage.root))
    if free < needed:
        warn(
            f"warning: {storage.root} is expected to need {byte_count(needed)} more, and the disk of {place} has "
            f"{byte_count(free)} free; a run that ends for lack of space goes on with the same command"
        )


def free_space(path: Path) -> tuple[Path, int]:
    """The nearest folder of a path that exists, and the free bytes of its disk."""
    existing = next(folder for folder in (path.absolute(), *path.absolute().parents) if folder.exists())
    return existing, shutil.disk_usage(existing).free
