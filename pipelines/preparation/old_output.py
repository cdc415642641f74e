"""Finds what earlier runs wrote to an output folder, by manifests and receipts, and removes it for `--overwrite`.

Manifests and receipts may have been changed by anyone, so a path that leads out of the output folder is refused.
"""

import json
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlukit.corpus.dumps.item_sources import LAYERS
from mlukit.corpus.linking.title_index import DTYPES, HEADER, INTERLANGUAGE
from mlukit.engine.storage import Storage, is_local
from mlukit.pipelines.graphs.stages import STAGES
from mlukit.pipelines.integrity import is_inside
from mlukit.pipelines.settings import SettingsError
from mlukit.pipelines.stage import Stage
from mlukit.schemas import layout
from mlukit.schemas.layout import STAGE_FOLDERS
from mlukit.schemas.manifest import MANIFEST

_INDEX_FILES = "|".join(map(re.escape, (HEADER, INTERLANGUAGE, *DTYPES)))
_INDEX_FILE = re.compile(rf"{layout.TITLE_INDEXES}/[\w-]+/(?:(?:{'|'.join(LAYERS)})/)?(?:{_INDEX_FILES})")
_BESIDE_FOLDERS = {  # files that no manifest names, by the stage that writes or invalidates them
    "link": (layout.AUDIT_RESIDUE, layout.AUDIT_LINKS),
    "examples": (layout.TOKENIZER,),
}
_SHOWN = 5  # maximum number of kept files in a message


@dataclass(frozen=True, slots=True)
class OldOutput:
    """The files in an output folder that `--overwrite` removes, and foreign files."""

    removable: tuple[str, ...]  # paths in the order of removal: records last
    foreign: tuple[str, ...]  # paths of files that mlukit did not write

    def foreign_text(self, output: str) -> str:
        """A message that names foreign files, which are kept."""
        more = ", …" if len(self.foreign) > _SHOWN else ""
        return f"files in {output} that mlukit did not write are kept: {', '.join(self.foreign[:_SHOWN])}{more}"


def stages_from(first: Stage) -> tuple[Stage, ...]:
    """A stage and all stages that need its output."""
    return tuple(stage for stage in STAGES if stage is first or first.name in stage.needs)


def find_old_output(storage: Storage, first: Stage) -> OldOutput:
    """Finds what a stage and all later stages wrote; writes and removes nothing.

    Raises:
        SettingsError: a manifest or a receipt names a file outside its folder, or a foreign file would be lost.
    """
    present, again = storage.sizes(), stages_from(first)
    written = {stage: set(_written(storage, present, stage.name)) & present.keys() for stage in STAGES}
    receipts = set(_named_by_receipts(storage, present, again)) & present.keys()
    removable = receipts.union(*(written[stage] for stage in again))
    foreign = sorted(path for path in present.keys() - removable if not _is_ours(path, written.values()))
    lost = [path for path in foreign if path.startswith(f"{layout.TITLE_INDEXES}/")]
    if lost and first is STAGES[0]:
        raise SettingsError(
            f"{storage.path(lost[0])} is not a file of mlukit, but is in a folder to be replaced: move the file away"
        )
    if is_local(storage.root):
        _check_links(storage, removable)
    return OldOutput(tuple(sorted(removable, key=_last)), tuple(foreign))


def remove(storage: Storage, old: OldOutput) -> None:
    """Removes the files one by one, then the empty folders."""
    for path in old.removable:
        storage.discard(path)
    if is_local(storage.root):
        folders = {parent for path in old.removable for parent in Path(path).parents if parent != Path()}
        for folder in sorted(folders, key=lambda folder: -len(folder.parts)):
            whole = Path(storage.root, folder)
            if whole.is_dir() and not any(whole.iterdir()):
                whole.rmdir()


def _written(storage: Storage, present: Collection[str], stage: str) -> Iterator[str]:
    """The paths in the manifests of a stage's folders, the manifests, and the other files of the stage."""
    for folder in sorted({path.rpartition("/")[0] for path in present if path.endswith(f"/{MANIFEST}")}):
        if folder.partition("/")[0] in STAGE_FOLDERS[stage]:
            yield from _checked(storage, layout.manifest(folder), folder)
            yield layout.manifest(folder)
    if stage == "link":
        yield from filter(_INDEX_FILE.fullmatch, present)
    yield from _BESIDE_FOLDERS.get(stage, ())
    yield layout.stage_record(stage)


def _named_by_receipts(storage: Storage, present: Collection[str], stages: Sequence[Stage]) -> Iterator[str]:
    """The paths in the results of tasks of unfinished stages."""
    folders = {folder for stage in stages for folder in STAGE_FOLDERS[stage.name]}
    for stage in stages:
        for step in stage.steps:
            for receipt in present:
                if is_inside(receipt, layout.step_results(step)):
                    yield from (path for path in _checked(storage, receipt, "") if path.partition("/")[0] in folders)


def _checked(storage: Storage, name: str, folder: str) -> list[str]:
    """The paths of the shards that a manifest or a receipt names.

    Raises:
        SettingsError: a path does not lie in the folder.
    """
    try:
        value: Any = storage.read_json(name)
        paths = [shard["path"] for shard in value["shards"]]
    except (OSError, LookupError, TypeError, json.JSONDecodeError):
        return []  # the file is not a manifest, so it names no files
    for path in paths:
        if not (isinstance(path, str) and path and is_inside(path, folder)):
            where = storage.path(folder) if folder else storage.root
            raise SettingsError(
                f"{storage.path(name)} names {path!r:.200}, which is not in {where}, so nothing is removed: "
                "check the folder, or name another --output"
            )
    return paths


def _check_links(storage: Storage, paths: Collection[str]) -> None:
    """Refuses files that are outside the output folder because of a symbolic link."""
    root = Path(storage.root).resolve()
    for folder in sorted({Path(path).parent for path in paths}):
        if not (root / folder).resolve().is_relative_to(root):
            raise SettingsError(
                f"{root / folder} leads out of {storage.root} by a symbolic link, so nothing is removed: check the "
                "folder, or name another --output"
            )


def _is_ours(path: str, written: Collection[Collection[str]]) -> bool:
    """Whether mlukit wrote a file, for any stage or for the run itself."""
    kept = path in (layout.RUN_RECORD, layout.ACCOUNT) or path.startswith((f"{layout.WORK}/", layout.WIKIDATA_ANSWERS))
    return kept or any(path in paths for paths in written)


def _last(path: str) -> tuple[int, str]:
    """Sort key: shards before manifests, and records last, so that an interrupted removal can be continued."""
    return ("/" not in path) * 2 + path.endswith(f"/{MANIFEST}"), path
