"""Checks the state of an output folder by its records, its manifests and a listing, without reading shards."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlukit.corpus.linking.title_index import TitleIndex, TitleIndexError
from mlukit.engine.storage import Storage, is_local
from mlukit.pipelines.stage import fingerprint
from mlukit.schemas import layout
from mlukit.schemas.arrow import SCHEMA_VERSION
from mlukit.schemas.damage import damaged_files
from mlukit.schemas.layout import ALL_LANGUAGES, STAGE_FOLDERS, STAGES, TOKENIZER
from mlukit.schemas.manifest import Shard

CHANGED, MISSING, EXTRA, WRONG, UNFINISHED = "changed", "missing", "extra", "wrong", "not finished"
_RECORD_PARTS = {"folders": list, "inputs": dict, "options": dict}

Records = Mapping[str, Mapping[str, Any]]  # records of finished stages, by stage


@dataclass(frozen=True, slots=True)
class Problem:
    """A difference between an output folder and what mlukit wrote."""

    stage: str
    what: str  # CHANGED, MISSING, …
    path: str
    text: str = ""

    def __str__(self) -> str:
        return f"{self.what:<12}  {self.path}{self.text and ': '}{self.text}"


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder that the record of a finished stage names, and the expected values in its manifest."""

    stage: str
    path: str
    expected: Mapping[str, Any]

    @property
    def language(self) -> str:
        """The language of the folder; `ALL_LANGUAGES` for the vocabulary."""
        return self.path.partition("/")[2] or ALL_LANGUAGES


def read_records(storage: Storage) -> tuple[dict[str, dict[str, Any]], list[Problem]]:
    """Reads the records of finished stages; also returns problems of records, and unfinished stages."""
    records: dict[str, dict[str, Any]] = {}
    problems = []
    for stage in STAGES:
        name = layout.stage_record(stage)
        if storage.exists(name):
            try:
                records[stage] = _checked_record(storage.read_json(name))
            except (OSError, ValueError) as error:
                problems.append(Problem(stage, WRONG, name, str(error)))
        elif storage.exists(layout.stage_plan(stage)):
            problems.append(Problem(stage, UNFINISHED, name, f"the {stage} stage was begun"))
        elif any(storage.sizes(kind) for kind in STAGE_FOLDERS[stage]):
            problems.append(Problem(stage, MISSING, name, f"folders of the {stage} stage are there"))
    if not records and not problems:
        problems.append(Problem("link", UNFINISHED, "link.json", "no stage was begun"))
    return records, problems + list(_stale_records(records))


def _checked_record(record: Any) -> dict[str, Any]:
    """Checks the parts of a record that are read.

    Raises:
        ValueError: the value is not the record of a stage.
    """
    parts = record if isinstance(record, dict) else {}
    if not all(isinstance(parts.get(name), kind) for name, kind in _RECORD_PARTS.items()):
        raise ValueError(f"the file is not the record of a stage, which has {', '.join(_RECORD_PARTS)}")
    if not all(isinstance(folder, str) and is_inside(folder, "") for folder in parts["folders"]):
        raise ValueError(f"the record names folders outside the output folder: {parts['folders']!r:.200}")
    damaged_files(parts)
    return parts


def _stale_records(records: Records) -> Iterator[Problem]:
    """Finds records of stages that were made from other results of an earlier stage than the present ones."""
    for stage, record in records.items():
        for other in STAGES:
            made_from = record["inputs"].get(other)
            if made_from is not None and other in records and made_from != fingerprint(records[other]):
                yield Problem(
                    stage,
                    WRONG,
                    layout.stage_record(stage),
                    f"the {stage} stage was made from another {other} stage than {other}.json describes",
                )


def folders_of(records: Records) -> list[Folder]:
    """The folders of finished stages, with the expected values in their manifests."""
    folders = []
    for stage, record in records.items():
        inputs = record.get("fingerprints") if stage == "examples" else {} if stage == "link" else record["inputs"]
        common = {"options": record["options"], "inputs": inputs, "schema_version": SCHEMA_VERSION}
        for path in record["folders"]:
            kind, _, language = path.partition("/")
            folders.append(Folder(stage, path, {"kind": kind, "language": language or None, **common}))
    return folders


def is_inside(path: str, folder: str) -> bool:
    """Whether a path is in a folder or is the folder itself, and has no ".."; "" stands for the output folder."""
    return (not folder or f"{path}/".startswith(f"{folder}/")) and path[:1] != "/" and ".." not in path.split("/")


def check_folder(storage: Storage, folder: Folder) -> tuple[list[Problem], list[Shard]]:
    """Checks a folder by its listing.

    Returns:
        The problems, and the shards of the right size, whose content is still to be checked.
    """
    manifest, sizes = layout.manifest(folder.path), storage.sizes(folder.path)
    if manifest not in sizes:
        return [Problem(folder.stage, MISSING, manifest)], []
    try:
        shards = _checked_shards(storage.read_json(manifest), folder)
    except (OSError, ValueError) as error:
        return [Problem(folder.stage, WRONG, manifest, str(error))], []
    extra = sorted(sizes.keys() - {shard.path for shard in shards} - {manifest})
    problems, whole = [Problem(folder.stage, EXTRA, path) for path in extra], []
    for shard in shards:
        size = sizes.get(shard.path)
        if size is None:
            problems.append(Problem(folder.stage, MISSING, shard.path))
        elif size != shard.bytes:
            text = f"{size:,} bytes, the manifest says {shard.bytes:,}"
            problems.append(Problem(folder.stage, CHANGED, shard.path, text))
        else:
            whole.append(shard)
    return problems, whole


def _checked_shards(manifest: Any, folder: Folder) -> list[Shard]:
    """The shards of a manifest.

    Raises:
        ValueError: the value is not a manifest, or contradicts the record of the stage.
    """
    if not isinstance(manifest, dict):
        raise ValueError("the file is not a manifest")
    for key, value in folder.expected.items():
        if manifest.get(key) != value:
            raise ValueError(f"{key} is {manifest.get(key)!r:.200}, but {folder.stage}.json says {value!r:.200}")
    try:
        shards = [Shard(**shard) for shard in manifest["shards"]]
        inside = all(is_inside(shard.path, folder.path) and shard.bytes >= 0 <= shard.rows for shard in shards)
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"the list of shards is wrong: {error}") from error
    if not inside or len({shard.path for shard in shards}) < len(shards):
        raise ValueError("the manifest names a shard twice, or a shard that cannot be in this folder")
    return shards


def check_unlisted(storage: Storage, records: Records) -> Iterator[Problem]:
    """Finds files that are beside the folders of a finished stage, but in none of them."""
    for stage, record in records.items():
        for kind in STAGE_FOLDERS[stage]:
            for path in storage.sizes(kind):
                if not any(is_inside(path, folder) for folder in record["folders"]):
                    yield Problem(stage, EXTRA, path)


def check_models(storage: Storage, records: Records) -> Iterator[Problem]:
    """Checks the model of the tokenizer, and the headers of title indexes, which no manifest describes."""
    if "examples" in records:
        expected = (records["examples"].get("fingerprints") or {}).get("tokenizer")
        if not storage.exists(TOKENIZER):
            yield Problem("examples", MISSING, TOKENIZER)
        elif (found := _sha256(storage, TOKENIZER)) != expected:
            yield Problem("examples", CHANGED, TOKENIZER, f"SHA-256 {found}, examples.json says {expected}")
    if "link" in records and is_local(storage.root):
        for language in records["link"]["inputs"].get("languages", ()):
            try:
                TitleIndex.open(Path(storage.path(layout.title_index(language))))
            except (TitleIndexError, OSError) as error:
                yield Problem("link", WRONG, layout.title_index(language), str(error))


def _sha256(storage: Storage, path: str) -> str:
    with storage.open(path) as stream:
        return hashlib.sha256(stream.read()).hexdigest()


def repair_steps(storage: Storage, problems: Sequence[Problem]) -> list[str]:
    """Instructions that repair the problems, in order."""
    root, lines = storage.root.rstrip("/"), []
    extra = sorted(f"{root}/{problem.path}" for problem in problems if problem.what == EXTRA)
    if extra:
        lines.append(f"delete what no manifest names: {' '.join(extra[:3])}{' …' if len(extra) > 3 else ''}")
    broken = {problem.stage for problem in problems if problem.what not in (EXTRA, UNFINISHED)}
    if "link" in broken and any("/examples-" in path for path in storage.sizes(layout.FAILURES)):
        broken.add("examples")  # its failures are in a folder that the link stage rewrites
    if "vocabulary" in broken and storage.exists(layout.stage_record("mentions")):
        broken.add("mentions")  # its figures are in folders that the vocabulary stage rewrites
    records = [
        f"{root}/{layout.stage_record(stage)}"
        for stage in STAGES
        if stage in broken and storage.exists(layout.stage_record(stage))
    ]
    if records:
        lines.append(f"delete the records of the stages to repeat: {' '.join(records)}")
    unfinished = {problem.stage for problem in problems if problem.what == UNFINISHED}
    commands = [f"mlukit {stage}" for stage in STAGES if stage in broken | unfinished]
    if commands:
        lines.append(
            f"run {', '.join(commands)}, or mlukit build for all, with --output {root} and the same flags as before"
        )
    return lines
