"""The manifest of a folder: its shards, their sources, and what was written, failed or left out.

A finished task writes a `TaskResult`, and a finished folder has a manifest. Both are JSON with sorted keys, and contain
nothing that differs between two runs over the same input: no times, hosts, paths or worker counts.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from typing import Any

import pyarrow as pa

from mlukit.schemas.arrow import SCHEMA_VERSION
from mlukit.schemas.damage import FileAccount
from mlukit.schemas.summaries import SUMMARIES, Summary

MANIFEST = "_manifest.json"  # readers of a folder of Parquet files ignore names with a leading underscore


@dataclass
class Flow:
    """The counts of what entered and left a step: entered = out + failed + skipped."""

    entered: int = 0
    out: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)

    def add(self, other: "Flow") -> None:
        """Adds the numbers of another flow."""
        self.entered += other.entered
        self.out += other.out
        self.failed.update(other.failed)
        self.skipped.update(other.skipped)

    def leave_out(self, reason: str, number: int) -> None:
        """Moves `number` from `out` to `skipped`, in a flow that is then added to the flow of an earlier step."""
        if number:
            self.out -= number
            self.skipped[reason] += number

    @property
    def unaccounted(self) -> int:
        """The number that entered, but neither came out nor has a reason; any other value than 0 is a defect."""
        return self.entered - self.out - self.failed.total() - self.skipped.total()

    def to_json(self) -> dict[str, Any]:
        """The JSON value in results and manifests."""
        return {"in": self.entered, "out": self.out, "failed": dict(self.failed), "skipped": dict(self.skipped)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Flow":
        """The inverse of `to_json`."""
        return cls(value["in"], value["out"], Counter(value["failed"]), Counter(value["skipped"]))


@dataclass(frozen=True, slots=True)
class Shard:
    """A finished file, by its name within the output folder."""

    path: str
    rows: int
    bytes: int
    sha256: str

    def to_json(self) -> dict[str, Any]:
        """The JSON value in results and manifests."""
        return {"path": self.path, "rows": self.rows, "bytes": self.bytes, "sha256": self.sha256}


@dataclass(frozen=True, slots=True)
class TaskResult:
    """The result of a task. It is written last, so its presence shows that the task is done."""

    task: str
    shards: tuple[Shard, ...] = ()
    flows: Mapping[str, Flow] = field(default_factory=dict)  # "pages", "links", …
    counts: Mapping[str, int] = field(default_factory=dict)  # for people to read: "links redirected", …
    summary: Summary | None = None  # for code to read
    files: Mapping[str, FileAccount] = field(default_factory=dict)  # the files that were read, by name

    def to_json(self) -> dict[str, Any]:
        """As written to disk."""
        return {
            "task": self.task,
            "shards": [shard.to_json() for shard in self.shards],
            "flows": {name: flow.to_json() for name, flow in self.flows.items()},
            "counts": dict(self.counts),
            "summary": {} if self.summary is None else {self.summary.name: self.summary.to_json()},
            **({"files": {name: file.to_json() for name, file in self.files.items()}} if self.files else {}),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "TaskResult":
        """The inverse of `to_json`."""
        flows = {name: Flow.from_json(flow) for name, flow in value["flows"].items()}
        shards = tuple(Shard(**shard) for shard in value["shards"])
        summaries = [SUMMARIES[name].from_json(summary) for name, summary in value["summary"].items()]
        files = {name: FileAccount.from_json(file) for name, file in value.get("files", {}).items()}
        return cls(value["task"], shards, flows, value["counts"], next(iter(summaries), None), files)


@dataclass(frozen=True, slots=True)
class FolderContents:
    """The description of a folder of data for its manifest, without the shards."""

    kind: str  # "articles", "vocabulary", "mentions", "examples" or "failures"
    schema: pa.Schema  # of its Parquet shards
    language: str | None  # None where the folder holds all languages
    _: KW_ONLY
    options: Mapping[str, Any]  # the options that decide the bytes of the shards
    inputs: Mapping[str, Any]  # identifies the earlier stages that the folder was made from
    sources: Sequence[Mapping[str, Any]] = ()  # the source files, each with name, size in bytes and checksum


def folder_manifest(contents: FolderContents, shards: Sequence[Shard], account: Mapping[str, Any]) -> dict[str, Any]:
    """The manifest of a folder of shards.

    Args:
        contents: the description of the folder.
        shards: the files of the folder.
        account: the JSON account of the tasks that wrote the shards: `flows`, `counts` and `summary`.
    """
    return {
        "kind": contents.kind,
        "schema_version": SCHEMA_VERSION,
        "schema": {f.name: str(f.type) for f in contents.schema},
        "language": contents.language,
        "options": dict(contents.options),
        "inputs": dict(contents.inputs),
        "sources": list(contents.sources),
        **account,
        "shards": [shard.to_json() for shard in shards],
    }


def dump_json(value: Any) -> bytes:
    """JSON for people and machines, the same bytes for the same value."""
    return (json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True) + "\n").encode()
