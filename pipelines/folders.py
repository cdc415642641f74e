"""Finished folders: their manifests, and what lies in them that should not."""

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from schemas.manifest import MANIFEST, Receipt, Shard, folder_manifest, total_counts, total_flows
from transforms.storage import Storage


def shards_of(storage: Storage, folder: str) -> list[Shard]:
    """The shards of a finished folder, in order."""
    return [Shard(**shard) for shard in storage.read_json(f"{folder}/{MANIFEST}")["shards"]]


def write_folder(
    storage: Storage,
    folder: str,
    kind: str,
    schema: pa.Schema,
    language: str | None,
    options: Mapping[str, Any],
    inputs: Mapping[str, Any],
    receipts: Sequence[Receipt],
    sources: Sequence[Mapping[str, Any]] = (),
) -> None:
    """Writes the manifest of a folder whose shards are done, and removes what an earlier, broken run left there."""
    shards = [shard for receipt in receipts for shard in receipt.shards if shard.path.startswith(f"{folder}/")]
    names = {shard.path for shard in shards}
    for path in storage.sizes(folder):
        if path not in names:
            storage.delete(path)
    manifest = folder_manifest(
        kind,
        schema,
        language=language,
        shards=shards,
        options=options,
        inputs=inputs,
        sources=sources,
        flows=total_flows(receipts),
        counts=total_counts(receipts),
    )
    storage.write_json(f"{folder}/{MANIFEST}", manifest)
