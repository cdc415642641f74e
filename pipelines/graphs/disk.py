"""How much disk a run needs, estimated before it begins from the sizes of its dumps.

The factors are bytes on disk for each byte of a dump that bzip2 has compressed. They lie between those of the bundled
sample and those of real dumps of four Wikipedias (docs/pipeline.md); tables of items and the tokenizer are not counted.
"""

import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from mlukit.engine.logs import warn
from mlukit.engine.storage import Storage, is_local
from mlukit.schemas.layout import STAGES
from mlukit.schemas.wording import byte_count

OUTPUT: Mapping[str, float] = {"link": 2.0, "vocabulary": 1.0, "examples": 2.0}  # that a stage leaves in OUT
WORK: Mapping[str, float] = {"link": 1.5}  # that a stage removes again at its end
_BZIP2_BYTES = {".bz2": 1.0, ".gz": 0.8, ".xz": 1.0, ".zst": 1.0, ".7z": 1.0}  # for each byte of a file; plain XML:
_PLAIN = 0.2


def expected_bytes(stages: Sequence[str], dumps: Iterable[tuple[str, int]]) -> int:
    """The most that OUT has on disk while stages run, with what the stages before them left there.

    Args:
        stages: names of stages, the last one included; OUT has those before the first already, or will have.
        dumps: path and size of each file of the dumps.
    """
    size = sum(_BZIP2_BYTES.get(Path(path).suffix, _PLAIN) * number for path, number in dumps)
    most = left = 0.0
    for stage in STAGES[: STAGES.index(stages[-1]) + 1]:
        left += OUTPUT[stage]
        if stage in stages:
            most = max(most, left + WORK.get(stage, 0))
    return round(size * most)


def warn_of_little_space(storage: Storage, stages: Sequence[str], dumps: Iterable[tuple[str, int]]) -> None:
    """Warns if the disk of a local output folder has less space than stages are expected to need."""
    if not is_local(storage.root):
        return
    needed = expected_bytes(stages, dumps) - sum(storage.sizes().values())
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
