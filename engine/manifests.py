"""Finished folders: their manifests, and what lies in them that should not."""

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
    """The shards of a finished folder, in order; RefusedError if another version of mlukit wrote it."""
    manifest = storage.read_json(layout.manifest(folder))
    check_manifest(storage.path(layout.manifest(folder)), manifest)
    return [Shard(**shard) for shard in manifest["shards"]]


def check_manifest(path: str, manifest: Mapping[str, Any]) -> None:
    """Refuses a manifest of another schema; RefusedError names the file, both versions, and what to do."""
    if (version := manifest.get("schema_version")) != SCHEMA_VERSION:
        raise RefusedError(other_version(path, "schema_version", version, SCHEMA_VERSION))


def ranges_of(shards: Iterable[Shard]) -> list[tuple[Shard, ...]]:
    """The Parquet files among shards of articles: of each range of a dump those of its splits, in order."""
    return layout.by_number(shard for shard in shards if format_of(shard.path) is PARQUET)


def sources_of(language: str, sources: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Of the files that the link stage read, those that concern a language."""
    return [source for source in sources if source["language"] in (language, ALL_LANGUAGES)]


def damage_of(storage: Storage, folder: str) -> str:
    """What became of a finished folder's files, told by their sizes: "a.parquet has gone"; "" where all are there."""
    manifest, sizes = layout.manifest(folder), storage.sizes(folder)
    if manifest not in sizes:
        return f"{manifest} has gone"
    for shard in shards_of(storage, folder):
        if shard.path not in sizes:
            return f"{shard.path} has gone"
        if sizes[shard.path] != shard.bytes:
            return f"{shard.path} has changed from {shard.bytes} to {sizes[shard.path]} bytes"
    return ""


def publish_manifest(storage: Storage, contents: FolderContents, results: StepResults, stage: str = "") -> str:
    """Writes the manifest of a folder whose shards are done, and removes what an earlier, broken run left there.

    Args:
        results: of the tasks that wrote the shards; those that lie in other folders are passed over.
        stage: where several stages write to the folder, whose shards these are; those of others stay.

    Returns:
        The folder.
    """
    folder = layout.folder(contents.kind, contents.language)
    shards = [shard for shard in results.shards if shard.path.startswith(f"{folder}/")]
    sizes = storage.sizes(folder)
    if stage and layout.manifest(folder) in sizes:
        others = (shard for shard in shards_of(storage, folder) if not shard.path.startswith(f"{folder}/{stage}-"))
        shards += [shard for shard in others if sizes.get(shard.path) == shard.bytes]
    names = {shard.path for shard in shards}
    for path in sizes:
        if path not in names and path.startswith(f"{folder}/{stage and f'{stage}-'}") and layout.is_shard(path):
            storage.delete(path)
    storage.write_json(layout.manifest(folder), folder_manifest(contents, shards, results.to_json()))
    return folder


def add_failures(storage: Storage, language: str, stage: str, results: StepResults) -> None:
    """Puts the failures of a later stage beside those of the link stage, in place of its own from before."""
    folder = layout.folder(layout.FAILURES, language)
    prefix = f"{folder}/{stage}-"
    fresh = [shard for shard in results.shards if shard.path.startswith(prefix)]
    manifest = storage.read_json(layout.manifest(folder))
    others = [shard for shard in manifest["shards"] if not shard["path"].startswith(prefix)]
    manifest["shards"] = others + [shard.to_json() for shard in fresh]
    storage.write_json(layout.manifest(folder), manifest)
