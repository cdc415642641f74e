"""Manifests of finished folders: reads and writes them, and removes files that belong to no manifest."""

from collections.abc import Iterable, Mapping
from typing import Any

from mlukit.engine.errors import RefusedError
from mlukit.engine.step_results import StepResults
from mlukit.engine.storage import Storage
from mlukit.schemas import layout
from mlukit.schemas.arrow import SCHEMA_VERSION
from mlukit.schemas.formats import PARQUET, format_of
from mlukit.schemas.layout import ALL_LANGUAGES
from mlukit.schemas.manifest import FolderContents, Shard, folder_manifest
from mlukit.schemas.wording import other_version


def shards_of(storage: Storage, folder: str) -> list[Shard]:
    """Reads the shards of a finished folder from its manifest, in order.

    Raises:
        RefusedError: another version of mlukit wrote the folder.
    """
    manifest = storage.read_json(layout.manifest(folder))
    check_manifest(storage.path(layout.manifest(folder)), manifest)
    return [Shard(**shard) for shard in manifest["shards"]]


def check_manifest(path: str, manifest: Mapping[str, Any]) -> None:
    """Refuses a manifest of another schema version.

    Raises:
        RefusedError: names the file, both versions, and what to do.
    """
    if (version := manifest.get("schema_version")) != SCHEMA_VERSION:
        raise RefusedError(other_version(path, "schema_version", version, SCHEMA_VERSION))


def ranges_of(shards: Iterable[Shard]) -> list[tuple[Shard, ...]]:
    """Groups the Parquet files among shards of articles by range of the dump, in order; a group has all splits."""
    return layout.by_number(shard for shard in shards if format_of(shard.path) is PARQUET)


def sources_of(language: str, sources: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The source files of the link stage that belong to a language or to all languages."""
    return [source for source in sources if source["language"] in (language, ALL_LANGUAGES)]


def damage_of(storage: Storage, folder: str) -> str:
    """Finds the first missing or resized file of a finished folder, without reading files.

    Returns:
        A message such as "a.parquet is missing"; "" if all files are there.
    """
    manifest, sizes = layout.manifest(folder), storage.sizes(folder)
    if manifest not in sizes:
        return f"{manifest} is missing"
    for shard in shards_of(storage, folder):
        if shard.path not in sizes:
            return f"{shard.path} is missing"
        if sizes[shard.path] != shard.bytes:
            return f"{shard.path} has changed from {shard.bytes} to {sizes[shard.path]} bytes"
    return ""


def publish_manifest(
    storage: Storage, contents: FolderContents, results: StepResults, stage: str = "", *, remove: bool = True
) -> str:
    """Writes the manifest of a folder whose shards are done, and removes shards that an interrupted run left there.

    Args:
        storage: the output folder.
        contents: what the manifest says besides the shards.
        results: the results of the tasks that wrote the shards; shards in other folders are ignored.
        stage: the stage of these shards if several stages write to the folder; shards of other stages are kept.
        remove: whether to remove the shards that the manifest does not name; see `remove_unlisted`.

    Returns:
        The path of the folder.
    """
    folder = layout.folder(contents.kind, contents.language)
    shards = [shard for shard in results.shards if shard.path.startswith(f"{folder}/")]
    sizes = storage.sizes(folder)
    if stage and layout.manifest(folder) in sizes:
        others = (shard for shard in shards_of(storage, folder) if not shard.path.startswith(f"{folder}/{stage}-"))
        shards += [shard for shard in others if sizes.get(shard.path) == shard.bytes]
    names = {shard.path for shard in shards}
    for path in sizes if remove else ():
        if path not in names and path.startswith(f"{folder}/{stage and f'{stage}-'}") and layout.is_shard(path):
            storage.delete(path)
    storage.write_json(layout.manifest(folder), folder_manifest(contents, shards, results.to_json()))
    return folder


def remove_unlisted(storage: Storage, folder: str) -> None:
    """Removes the shards that the manifest of a folder does not name."""
    names = {shard.path for shard in shards_of(storage, folder)}
    for path in storage.sizes(folder):
        if path not in names and layout.is_shard(path):
            storage.delete(path)


def add_failures(storage: Storage, language: str, stage: str, results: StepResults) -> None:
    """Adds the failures of a later stage to those of the link stage, and replaces older failures of the same stage."""
    folder = layout.folder(layout.FAILURES, language)
    prefix = f"{folder}/{stage}-"
    fresh = [shard for shard in results.shards if shard.path.startswith(prefix)]
    manifest = storage.read_json(layout.manifest(folder))
    others = [shard for shard in manifest["shards"] if not shard["path"].startswith(prefix)]
    manifest["shards"] = others + [shard.to_json() for shard in fresh]
    storage.write_json(layout.manifest(folder), manifest)
