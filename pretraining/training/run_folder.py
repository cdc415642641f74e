"""The files of a run's folder, and of INIT, the folder that `mlukit import` writes. No torch.

RUN/config.json                      RunConfig: every setting
RUN/run.json                         versions, examples and their fingerprints, weights it started from, new parameters
RUN/metrics.jsonl, RUN/tensorboard/  losses
RUN/checkpoints/step-00005000/       the last checkpoints; checkpoint.py describes their files
RUN/lock                             which process writes to the folder; run_lock.py
INIT/config.json                     ModelConfig
INIT/model.safetensors               parameters, by our names
INIT/import.json                     the parameters that import found and did not find; fingerprints of the examples
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from mlukit.pretraining.config import ConfigError, ModelConfig, RunConfig, changed, model_of_run
from mlukit.pretraining.errors import PretrainingError

CONFIG, RUN, METRICS, TENSORBOARD, CHECKPOINTS = (
    "config.json",
    "run.json",
    "metrics.jsonl",
    "tensorboard",
    "checkpoints",
)
WEIGHTS, MANIFEST, IMPORTED, LOCK = "model.safetensors", "manifest.json", "import.json", "lock"
FINGERPRINTS = "data"  # the key of run.json and of import.json
STEP = "step-"
_OTHER_VERSION = "Use the mlukit that wrote it (run.json names its version), or begin again in a new folder"


class RunFolderError(PretrainingError):
    """A folder is not a run, or holds no weights; the text names the folder and what is missing."""


def checkpoint_folder(run: Path, step: int) -> Path:
    """The folder of the checkpoint after `step` steps."""
    return run / CHECKPOINTS / f"{STEP}{step:08}"


def checkpoints(run: Path) -> list[tuple[int, Path]]:
    """Steps and folder of each checkpoint of a run, whole or damaged, the last one first; other files are left out."""
    folders = (run / CHECKPOINTS).glob(f"{STEP}*")
    steps = [(folder.name.removeprefix(STEP), folder) for folder in folders if folder.is_dir()]
    return sorted(((int(step), folder) for step, folder in steps if step.isdecimal()), reverse=True)


def is_run(folder: Path) -> bool:
    """Whether a folder is of a run, and not INIT or another folder."""
    return (folder / RUN).is_file()


def write_manifest(folder: Path, steps: int) -> None:
    """Writes the manifest of a checkpoint's files after all of them, and flushes them to disk."""
    names = sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file())
    with ThreadPoolExecutor() as pool:  # hashlib lets other threads run
        files = dict(zip(names, pool.map(lambda name: _describe(folder / name, sync=True), names), strict=True))
    write_json(folder / MANIFEST, {"steps": steps, "files": files})


def damage(folder: Path) -> str:
    """Describes the files of a checkpoint that are missing, cut short or changed; "" for a whole checkpoint."""
    try:
        files = json.loads((folder / MANIFEST).read_bytes())["files"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        return f"its {MANIFEST} cannot be read ({error})"
    with ThreadPoolExecutor() as pool:
        found = dict(zip(files, pool.map(lambda name: _found(folder / name), files), strict=True))
    wrong = [
        f"{name} has {found[name]['bytes']} bytes and SHA-256 {found[name]['sha256'][:12]}…, written were "
        f"{files[name]['bytes']} and {files[name]['sha256'][:12]}…"
        for name in files
        if found[name] != files[name]
    ]
    return "; ".join(wrong)


def last_whole_checkpoint(run: Path, say: Callable[[str], None]) -> tuple[int, Path]:
    """Steps and folder of the last whole checkpoint; `say` is called for each damaged one that is passed over.

    Raises:
        RunFolderError: there is no whole checkpoint.
    """
    found = checkpoints(run)
    for steps, folder in found:
        if not (wrong := damage(folder)):
            return steps, folder
        say(f"passing over {folder}: {wrong}")
    if not found:
        raise RunFolderError(f"{run} has no checkpoint yet: mlukit train --resume {run} begins it again at step 1")
    raise RunFolderError(
        f"{run} has no whole checkpoint in {run / CHECKPOINTS}: begin a new run, with another folder for --output"
    )


def weights_file(folder: Path, say: Callable[[str], None] = print) -> Path:
    """The weights file of INIT, or of a run's last whole checkpoint."""
    file = folder / WEIGHTS
    if is_run(folder) or (folder / CHECKPOINTS).is_dir():
        file = last_whole_checkpoint(folder, say)[1] / WEIGHTS
    if not file.is_file():
        raise RunFolderError(f"{folder} holds neither {WEIGHTS}, as `mlukit import` writes, nor {CHECKPOINTS} of a run")
    return file


def examples_of(folder: Path, chosen: Path | None) -> Path:
    """The folder of a run's examples.

    Args:
        folder: of a run, or INIT.
        chosen: the user's choice; None for the folder that the run was trained on.

    Raises:
        RunFolderError: nothing is chosen, and the folder is INIT, which knows no examples.
    """
    if chosen is not None:
        return chosen
    if not is_run(folder):
        raise RunFolderError(f"{folder} is not a run, which has its examples in {RUN}: name them by --examples")
    return Path(read_facts(folder)["examples"])


def read_model_config(folder: Path) -> ModelConfig:
    """The configuration of the model of INIT, or of a run.

    Raises:
        RunFolderError: config.json is missing, or is not a configuration.
    """
    value = _read_config(folder)
    try:
        return model_of_run(value) if "model" in value else changed(ModelConfig(), value)
    except (ConfigError, KeyError, TypeError) as error:
        raise RunFolderError(
            f"{folder / CONFIG} is not from this version of mlukit: {error}. {_OTHER_VERSION}"
        ) from error


def read_run_config(run: Path) -> RunConfig:
    """The configuration of a run; RunFolderError if it is missing or is not a configuration."""
    try:
        return RunConfig.from_json(_read_config(run))
    except (ConfigError, KeyError, TypeError) as error:
        raise RunFolderError(f"{run / CONFIG} is not from this version of mlukit: {error}. {_OTHER_VERSION}") from error


def not_found(folder: Path) -> frozenset[str]:
    """The parameters that are new in INIT or a run: those that the source of `mlukit import` did not have.

    A run has the new parameters of the weights that it started from, or all where it started from random weights.
    """
    if is_run(folder):
        return frozenset(read_facts(folder).get("new_parameters") or ())
    file = folder / IMPORTED
    return frozenset(read_json(file)["not_found"]) if file.is_file() else frozenset()


def read_facts(run: Path) -> dict[str, Any]:
    """The content of run.json; RunFolderError if it cannot be read or lacks what every run has."""
    facts = read_json(run / RUN)
    needed = ("examples", FINGERPRINTS, "init")
    if missing := [name for name in needed if not isinstance(facts, dict) or name not in facts]:
        raise RunFolderError(f"{run / RUN} lacks {', '.join(missing)}. {_OTHER_VERSION}")
    return dict(facts)


def read_json(file: Path) -> Any:
    """The value of a JSON file; RunFolderError if it cannot be read."""
    try:
        return json.loads(file.read_bytes())
    except (OSError, ValueError) as error:
        raise RunFolderError(f"{file} cannot be read: {error}") from error


def write_json(file: Path, value: Any) -> None:
    """Writes a JSON file under another name, flushes it to disk, and renames it; ValueError for NaN or infinity."""
    temporary = file.with_name(f".{file.name}.writing")
    with temporary.open("w", encoding="utf-8") as out:
        json.dump(value, out, ensure_ascii=False, indent=1, allow_nan=False)
        out.write("\n")
        out.flush()
        os.fsync(out.fileno())
    temporary.rename(file)


def append_lines(file: Path, lines: Sequence[Mapping[str, Any]]) -> None:
    """Adds JSON lines to a file; ValueError for NaN or infinity, which JSON does not have."""
    with file.open("a", encoding="utf-8") as out:
        out.writelines(json.dumps(line, ensure_ascii=False, allow_nan=False) + "\n" for line in lines)


def cut_lines(file: Path, steps: int) -> None:
    """Keeps only the JSON lines of the first `steps` steps: the run writes later lines again, and one may be torn."""
    if not file.exists():
        return
    temporary = file.with_name(f".{file.name}.writing")
    with file.open("rb") as old, temporary.open("wb") as new:
        new.writelines(_lines_until(old, steps))
    temporary.rename(file)


def _lines_until(lines: Iterator[bytes], steps: int) -> Iterator[bytes]:
    """The whole lines of the first `steps` steps."""
    for line in lines:
        if line.endswith(b"\n") and json.loads(line)["step"] <= steps:
            yield line


def _read_config(folder: Path) -> dict[str, Any]:
    if not folder.is_dir():
        raise RunFolderError(f"there is no folder {folder}")
    value = read_json(folder / CONFIG)
    if not isinstance(value, dict):
        raise RunFolderError(f"{folder / CONFIG} is not a JSON object")
    return value


def _found(file: Path) -> dict[str, Any]:
    return _describe(file) if file.is_file() else {"bytes": 0, "sha256": "missing"}


def _describe(file: Path, *, sync: bool = False) -> dict[str, Any]:
    """Size and SHA-256 of a file, flushed to disk before if `sync`."""
    with file.open("rb") as opened:
        if sync:
            os.fsync(opened.fileno())
        return {"bytes": file.stat().st_size, "sha256": hashlib.file_digest(opened, "sha256").hexdigest()}
