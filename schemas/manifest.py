"""The manifest of a folder: its shards, their sources, and what was written, failed or left out.

A task leaves a `TaskResult` when it is done, a finished folder a manifest. Both are JSON with sorted keys, and
hold nothing that differs between two runs over the same input: no times, hosts, paths or worker counts.
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

MANIFEST = "_manifest.json"  # readers of a folder of Parquet pass over names with a leading underscore


@dataclass
class Flow:
    """What entered a step and what became of it: entered = out + failed + skipped."""

    entered: int = 0
    out: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)

    def add(self, other: "Flow") -> None:
        """Adds the other's numbers to this one's."""
        self.entered += other.entered
        self.out += other.out
        self.failed.update(other.failed)
        self.skipped.update(other.skipped)

    def leave_out(self, reason: str, number: int) -> None:
        """Has what an earlier step let out skipped after all: for a flow that is added to the earlier one."""
        if number:
            self.out -= number
            self.skipped[reason] += number

    @property
    def unaccounted(self) -> int:
        """What entered and neither came out nor has a reason; other than 0 is a defect of ours."""
        return self.entered - self.out - self.failed.total() - self.skipped.total()

    def to_json(self) -> dict[str, Any]:
        """As written to results and manifests."""
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
        """As written to results and manifests."""
        return {"path": self.path, "rows": self.rows, "bytes": self.bytes, "sha256": self.sha256}


@dataclass(frozen=True, slots=True)
class TaskResult:
    """What a task did: written last, so its presence says that the task is done."""

    task: str
    shards: tuple[Shard, ...] = ()
    flows: Mapping[str, Flow] = field(default_factory=dict)  # "pages", "links", …
    counts: Mapping[str, int] = field(default_factory=dict)  # for people to read: "links redirected", …
    summary: Summary | None = None  # for code to read
    files: Mapping[str, FileAccount] = field(default_factory=dict)  # that were read, by name

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
    """What a folder of data holds and what it is made of, beside its shards."""

    kind: str  # "articles", "vocabulary", "mentions", "examples" or "failures"
    schema: pa.Schema  # of its Parquet shards
    language: str | None  # None where the folder holds all languages
    _: KW_ONLY
    options: Mapping[str, Any]  # those that decide its bytes
    inputs: Mapping[str, Any]  # what identifies the stages that it builds on
    sources: Sequence[Mapping[str, Any]] = ()  # files it was made of, each with name, size in bytes and checksum


def folder_manifest(contents: FolderContents, shards: Sequence[Shard], account: Mapping[str, Any]) -> dict[str, Any]:
    """The manifest of a folder of shards.

    Args:
        account: of the tasks that wrote the shards, as JSON: `flows`, `counts` and `summary`.
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
