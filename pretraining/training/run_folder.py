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
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import UnionType
from typing import Any, TypeGuard, TypeVar

from mlukit.pretraining.config import ConfigError, ModelConfig, OtherVersionError, RunConfig, changed, model_of_run
from mlukit.pretraining.errors import PretrainingError
from mlukit.schemas.wording import counted

C = TypeVar("C", ModelConfig, RunConfig)

CONFIG, RUN, METRICS, TENSORBOARD, CHECKPOINTS = (
    "config.json",
    "run.json",
    "metrics.jsonl",
    "tensorboard",
    "checkpoints",
)
WEIGHTS, MANIFEST, IMPORTED, LOCK = "model.safetensors", "manifest.json", "import.json", "lock"
TRAINING = "training"  # the folder in a checkpoint with parameters and optimizer
FINGERPRINTS = "data"  # the key of run.json and of import.json
STEP = "step-"
_OTHER_VERSION = "Use the mlukit that wrote it (run.json names its version), or begin again in a new folder"


# the types of values in run.json, and what is needed
_FACTS: Mapping[str, tuple[type | UnionType, str]] = {
    "examples": (str, "a path"),
    FINGERPRINTS: (dict, "an object of fingerprints"),
    "init": (str | None, "a path or null"),
    "new_parameters": (list | None, "a list of names or null"),
    "starts": (list, "a list"),
}


class RunFolderError(PretrainingError):
    """A folder is not a run, or holds no weights; the text names the folder and what is missing."""


def checkpoint_folder(run: Path, step: int) -> Path:
    """The folder of the checkpoint after `step` steps."""
    return run / CHECKPOINTS / f"{STEP}{step:08}"


def checkpoints(run: Path) -> list[tuple[int, Path]]:
    """Steps and folder of each checkpoint of a run, whole or damaged, the last one first; other files are left out."""
    return sorted(((steps, folder) for steps, folder in named_checkpoints(run) if folder.is_dir()), reverse=True)


def named_checkpoints(run: Path, prefix: str = "") -> list[tuple[int, Path]]:
    """Steps and path of all that has the name of a checkpoint after a prefix, folder or not."""
    prefix += STEP
    paths = [(path.name.removeprefix(prefix), path) for path in (run / CHECKPOINTS).glob(f"{prefix}*")]
    return [(int(steps), path) for steps, path in paths if steps.isascii() and steps.isdecimal()]


def check_checkpoint_names(run: Path) -> None:
    """Refuses files under the names of checkpoints: the run could not write these checkpoints.

    Raises:
        RunFolderError: there is such a file; the text names it.
    """
    paths = [
        run / CHECKPOINTS,
        *(path for steps, path in named_checkpoints(run) if path == checkpoint_folder(run, steps)),
    ]
    for path in paths:
        if os.path.lexists(path) and not path.is_dir():
            raise RunFolderError(f"{path} is not a folder, and the run needs the name: move it away")


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
        files = _files_of(json.loads((folder / MANIFEST).read_bytes()))
    except (OSError, ValueError, RecursionError) as error:
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


def _files_of(manifest: Any) -> dict[str, dict[str, Any]]:
    """The files that a manifest names; ValueError if it is not the manifest of a checkpoint."""
    files = manifest.get("files") if isinstance(manifest, dict) else None
    if not isinstance(files, dict):
        raise ValueError("it has no object of files")
    for name, value in files.items():
        if not isinstance(value, dict) or not isinstance(value.get("sha256"), str) or "bytes" not in value:
            raise ValueError(f"{name} is {json.dumps(value)}; bytes and sha256 are needed")
    if WEIGHTS not in files or not any(name.startswith(f"{TRAINING}/") for name in files):
        raise ValueError(f"it names {', '.join(files) or 'no file'}; {WEIGHTS} and the files of {TRAINING}/ are needed")
    return files


def last_whole_checkpoint(run: Path, say: Callable[[str], None]) -> tuple[int, Path]:
    """Steps and folder of the last whole checkpoint; `say` is called for each damaged one that is passed over.

    Raises:
        RunFolderError: there is no whole checkpoint.
    """
    found = checkpoints(run)
    for steps, folder in found:
        if not (wrong := damage(folder)):
            return steps, folder
        if folder.is_dir():  # and not removed since by the process that trains
            say(f"passing over {folder}: {wrong}")
    if checkpoints(run) != found:  # by the process that trains
        return last_whole_checkpoint(run, say)
    if not found:
        raise RunFolderError(f"{run} has no checkpoint yet: mlukit train --resume {run} begins it again at step 1")
    raise RunFolderError(
        f"{run} has no whole checkpoint in {run / CHECKPOINTS}: begin a new run, with another folder for --output"
    )


def weights_file(folder: Path, say: Callable[[str], None] = print) -> Path:
    """The weights file of INIT, or of a run's last whole checkpoint."""
    return last_weights(folder, say)[1]


def last_weights(folder: Path, say: Callable[[str], None] = print) -> tuple[int, Path]:
    """Chooses the weights to use: a run that trains may write and remove checkpoints later.

    Args:
        folder: of a run, or INIT.
        say: called for each damaged checkpoint that is passed over.

    Returns:
        The steps and the weights file of the last whole checkpoint; 0 and the weights file of INIT.

    Raises:
        RunFolderError: there are no weights.
    """
    if is_run(folder) or (folder / CHECKPOINTS).is_dir():
        steps, checkpoint = last_whole_checkpoint(folder, say)
        return steps, checkpoint / WEIGHTS
    if not (file := folder / WEIGHTS).is_file():
        raise RunFolderError(f"{folder} holds neither {WEIGHTS}, as `mlukit import` writes, nor {CHECKPOINTS} of a run")
    return 0, file


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
    of_run = "model" in value or is_run(folder)
    return _checked(folder, lambda: model_of_run(value) if of_run else changed(ModelConfig(), value))


def read_run_config(run: Path) -> RunConfig:
    """The configuration of a run; RunFolderError if it is missing or is not a configuration."""
    value = _read_config(run)
    return _checked(run, lambda: RunConfig.from_json(value))


def _checked(folder: Path, read: Callable[[], C]) -> C:
    """The configuration that `read` makes of config.json; RunFolderError with the name of the file."""
    file = folder / CONFIG
    try:
        return read()
    except OtherVersionError as error:
        raise RunFolderError(f"{file} is not from this version of mlukit: {error}. {_OTHER_VERSION}") from error
    except ConfigError as error:
        raise RunFolderError(f"{file}: {error}") from error


def not_found(folder: Path) -> frozenset[str]:
    """The parameters that are new in INIT or a run: those that the source of `mlukit import` did not have.

    A run has the new parameters of the weights that it started from, or all where it started from random weights.
    """
    if is_run(folder):
        return frozenset(read_facts(folder).get("new_parameters") or ())
    file = folder / IMPORTED
    if not file.is_file():
        return frozenset()
    report = read_json(file)
    names = report.get("not_found") if isinstance(report, dict) else None
    if not _are_names(names):
        raise RunFolderError(
            f"{file}: not_found is {_shown(report, 'not_found')}; a list of names is needed. Import the model "
            "again, by mlukit import"
        )
    return frozenset(names)


def read_facts(run: Path, *others: str) -> dict[str, Any]:
    """The content of run.json.

    Args:
        run: the folder of the run.
        others: names that are needed besides those that every command needs.

    Raises:
        RunFolderError: the file cannot be read, lacks a name, or has a wrong value.
    """
    facts, file = read_json(run / RUN), run / RUN
    needed = ("examples", FINGERPRINTS, "init", *others)
    if missing := [name for name in needed if not isinstance(facts, dict) or name not in facts]:
        raise RunFolderError(f"{file} lacks {', '.join(missing)}. {_OTHER_VERSION}")
    for name, (kind, wanted) in _FACTS.items():
        value = facts.get(name)
        if name in facts and not (
            isinstance(value, kind) and (name != "new_parameters" or not value or _are_names(value))
        ):
            raise RunFolderError(f"{file}: {name} is {_shown(facts, name)}; {wanted} is needed")
    return dict(facts)


def _are_names(value: Any) -> TypeGuard[list[str]]:
    return isinstance(value, list) and all(isinstance(name, str) for name in value)


def _shown(values: Any, name: str) -> str:
    """A value of a JSON object, shortened; "missing" without it."""
    return json.dumps(values[name])[:60] if isinstance(values, dict) and name in values else "missing"


def read_json(file: Path) -> Any:
    """The value of a JSON file; RunFolderError if it cannot be read."""
    try:
        return json.loads(file.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
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


def cut_lines(file: Path, steps: int, say: Callable[[str], None]) -> None:
    """Keeps only the JSON lines of the first `steps` steps: the run writes later lines again.

    Args:
        file: a JSON object with `step` in each line.
        steps: done so far.
        say: called once if lines are damaged, as a process that was killed may leave them; they are dropped, too.
    """
    if not file.exists():
        return
    damaged = 0
    temporary = file.with_name(f".{file.name}.writing")
    with file.open("rb") as old, temporary.open("wb") as new:
        for line in old:
            step = _step_of(line)
            if step is None:
                damaged += 1
            elif step <= steps:
                new.write(line.rstrip(b"\n") + b"\n")
    temporary.rename(file)
    if damaged:
        say(f"{file} had {counted(damaged, 'damaged line')}, dropped now; the weights are not concerned")


def _step_of(line: bytes) -> int | None:
    """The step of a JSON line; None if the line is damaged."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    step = value.get("step") if isinstance(value, dict) else None
    return step if type(step) is int else None


def _read_config(folder: Path) -> dict[str, Any]:
    if not folder.is_dir():
        raise RunFolderError(f"there is no folder {folder}")
    value = read_json(folder / CONFIG)
    if not isinstance(value, dict):
        raise RunFolderError(f"{folder / CONFIG} is not a JSON object")
    return value


def _found(file: Path) -> dict[str, Any]:
    try:
        return _describe(file)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return {"bytes": 0, "sha256": "missing"}


def _describe(file: Path, *, sync: bool = False) -> dict[str, Any]:
    """Size and SHA-256 of a file, flushed to disk before if `sync`."""
    with file.open("rb") as opened:
        if sync:
            os.fsync(opened.fileno())
        return {"bytes": file.stat().st_size, "sha256": hashlib.file_digest(opened, "sha256").hexdigest()}
