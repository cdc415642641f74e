"""An output folder on this machine: its finished folders, and the files in them."""

import json
from pathlib import Path
from typing import Any

from mlukit.schemas import layout
from mlukit.schemas.arrow import SCHEMA_VERSION
from mlukit.schemas.formats import in_one_format
from mlukit.schemas.manifest import MANIFEST
from mlukit.schemas.records import SPLITS, Split
from mlukit.schemas.wording import other_version


class OutputError(ValueError):
    """A folder has no such output of mlukit; the message says what would be accepted."""


def files_of(output: str | Path, kind: str, language: str | None = None, split: Split | None = None) -> list[Path]:
    """The files of a finished folder, in order; if the folder has several formats, the files of the first format.

    Args:
        output: OUT, an output folder.
        kind: the type of the folder, such as "articles".
        language: the language of the folder; None if the folder has all languages.
        split: the split that the files hold; None for all files.

    Raises:
        OutputError: OUT has no such folder, or another version of mlukit wrote the folder.
    """
    if split is not None and split not in SPLITS:
        raise OutputError(f"the split is {split!r}; accepted: {', '.join(SPLITS)}")
    folder = layout.folder(kind, language)
    try:
        manifest: dict[str, Any] = json.loads(Path(output, folder, MANIFEST).read_bytes())
    except FileNotFoundError:
        raise OutputError(_missing(Path(output), kind, folder)) from None
    if (version := manifest.get("schema_version")) != SCHEMA_VERSION:
        raise OutputError(other_version(str(Path(output, folder, MANIFEST)), "schema_version", version, SCHEMA_VERSION))
    paths = in_one_format([shard["path"] for shard in manifest["shards"]])
    return [Path(output, path) for path in paths if split is None or layout.split_of(path) == split]


def languages_of(output: str | Path, kind: str) -> list[str]:
    """The languages that have a finished folder of a type."""
    return sorted(manifest.parent.name for manifest in Path(output, kind).glob(f"*/{MANIFEST}"))


def _missing(output: Path, kind: str, folder: str) -> str:
    """The message for a folder that is not there."""
    if not output.is_dir():
        return f"there is no folder {output}; accepted: the --output of mlukit build, on this machine"
    if languages := languages_of(output, kind):
        return f"{output} has no finished {folder}; accepted languages: {', '.join(languages)}"
    return f"{output} has no finished {folder}: name the --output of mlukit build, or run mlukit build first"
