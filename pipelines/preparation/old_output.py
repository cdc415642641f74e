"""What earlier runs wrote to an output folder, by its manifests and receipts, and its removal for `--overwrite`.

Manifests and receipts are files that anyone may have changed: a path that leads out of the output folder is refused.
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
_BESIDE_FOLDERS = {  # files that no manifest names, by the stage that writes them or makes them worthless
    "link": (layout.AUDIT_RESIDUE, layout.AUDIT_LINKS),
    "examples": (layout.TOKENIZER,),
}
_SHOWN = 5  # of the files that stay


@dataclass(frozen=True, slots=True)
class OldOutput:
    """What lies in an output folder."""

    removable: tuple[str, ...]  # paths, in the order in which they are to be removed: records last
    foreign: tuple[str, ...]  # paths of files that mlukit did not write

    def foreign_text(self, output: str) -> str:
        """Names the files that stay."""
        more = ", …" if len(self.foreign) > _SHOWN else ""
        return f"files in {output} that mlukit did not write stay: {', '.join(self.foreign[:_SHOWN])}{more}"


def stages_from(first: Stage) -> tuple[Stage, ...]:
    """A stage and those that build on it."""
    return STAGES[STAGES.index(first) :]


def find_old_output(storage: Storage, first: Stage) -> OldOutput:
    """Finds what a stage, and those that build on it, wrote; writes and removes nothing.

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
            f"{storage.path(lost[0])} is no file of mlukit and lies in a folder that is made again: move the file away"
        )
    if is_local(storage.root):
        _check_links(storage, removable)
    return OldOutput(tuple(sorted(removable, key=_last)), tuple(foreign))


def remove(storage: Storage, old: OldOutput) -> None:
    """Removes the files one by one, then the folders that are empty."""
    for path in old.removable:
        storage.discard(path)
    if is_local(storage.root):
        folders = {parent for path in old.removable for parent in Path(path).parents if parent != Path()}
        for folder in sorted(folders, key=lambda folder: -len(folder.parts)):
            whole = Path(storage.root, folder)
            if whole.is_dir() and not any(whole.iterdir()):
                whole.rmdir()


def _written(storage: Storage, present: Collection[str], stage: str) -> Iterator[str]:
    """Paths that the manifests of a stage's folders name, the manifests, and what else the stage writes."""
    for folder in sorted({path.rpartition("/")[0] for path in present if path.endswith(f"/{MANIFEST}")}):
        if folder.partition("/")[0] in STAGE_FOLDERS[stage]:
            yield from _checked(storage, layout.manifest(folder), folder)
            yield layout.manifest(folder)
    if stage == "link":
        yield from filter(_INDEX_FILE.fullmatch, present)
    yield from _BESIDE_FOLDERS.get(stage, ())
    yield layout.stage_record(stage)


def _named_by_receipts(storage: Storage, present: Collection[str], stages: Sequence[Stage]) -> Iterator[str]:
    """Paths that the results of tasks of unfinished stages name."""
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
        return []  # it names nothing
    for path in paths:
        if not (isinstance(path, str) and path and is_inside(path, folder)):
            where = storage.path(folder) if folder else storage.root
            raise SettingsError(
                f"{storage.path(name)} names {path!r:.200}, which does not lie in {where}: "
                "nothing is removed; look at the folder yourself, or name another --output"
            )
    return paths


def _check_links(storage: Storage, paths: Collection[str]) -> None:
    """Refuses files that a symbolic link leads to, out of the output folder."""
    root = Path(storage.root).resolve()
    for folder in sorted({Path(path).parent for path in paths}):
        if not (root / folder).resolve().is_relative_to(root):
            raise SettingsError(
                f"{root / folder} leads out of {storage.root} by a symbolic link: nothing is removed; look at the "
                "folder yourself, or name another --output"
            )


def _is_ours(path: str, written: Collection[Collection[str]]) -> bool:
    kept = path in (layout.RUN_RECORD, layout.ACCOUNT) or path.startswith((f"{layout.WORK}/", layout.WIKIDATA_ANSWERS))
    return kept or any(path in paths for paths in written)


def _last(path: str) -> tuple[int, str]:
    """Shards before the manifests that name them, records at the end: so a removal that was broken off can go on."""
    return ("/" not in path) * 2 + path.endswith(f"/{MANIFEST}"), path
