"""`mlukit verify`: checks whether an output folder is unchanged, and shows how to repair the folder."""

import tempfile
from collections.abc import Sequence
from contextlib import closing

from mlukit.engine.command_parser import BEAM_FLAGS, CommandParser, at_least, nearest
from mlukit.engine.launch.pipeline_process import PipelineProcess
from mlukit.engine.launch.workers import choose_workers, complete_flags
from mlukit.engine.storage import Storage
from mlukit.pipelines.command import exit_status
from mlukit.pipelines.damage import recorded_damage, tell_of_damage
from mlukit.pipelines.dataflow import check_dataflow
from mlukit.pipelines.graphs.verify import VerifyGraph
from mlukit.pipelines.integrity import (
    CHANGED,
    WRONG,
    Folder,
    Problem,
    check_folder,
    check_models,
    check_unlisted,
    folders_of,
    is_inside,
    read_records,
    repair_steps,
)
from mlukit.pipelines.option_values import plain_path
from mlukit.pipelines.run import Run
from mlukit.pipelines.settings import (
    RUNNING,
    WORKERS_HELP,
    Settings,
    SettingsError,
    add_output,
    check_beam_flags,
    output_and_words,
)
from mlukit.pipelines.stage import check_formats
from mlukit.schemas import layout
from mlukit.schemas.layout import RUN_RECORD, STAGES
from mlukit.schemas.wording import counted
from mlukit.transforms.verify_shards import FinishedShard

_LINK_RECORD = layout.stage_record("link")
_EXAMPLES = """  mlukit verify OUT                               all that is finished
  mlukit verify OUT vocabulary articles/en        some folders
  mlukit verify OUT --workers 8"""


def main(arguments: Sequence[str]) -> int:
    """Runs the command. The exit status is 0 only if the output is unchanged and was made from undamaged dumps."""
    return exit_status("verify", lambda: _run(arguments), after_stop="")


def _run(arguments: Sequence[str]) -> int:
    flags = parser()
    asked, beam_flags = flags.parse_known_args(list(arguments))
    check_beam_flags(beam_flags, flags)
    beam_flags = complete_flags(beam_flags, asked.workers)
    output, chosen = output_and_words(asked, None)
    storage = Storage(output)
    with closing(PipelineProcess()) as process:
        check_dataflow(Settings(output=storage.root), beam_flags)
        problems, read = verify(storage, chosen, beam_flags, process)
    readable = not any(problem.what == WRONG and problem.path == _LINK_RECORD for problem in problems)
    damaged = recorded_damage(storage) if readable else []
    _print(storage, problems, read, chosen, bool(damaged))
    status = tell_of_damage(damaged, allowed=asked.allow_damaged, reads_dumps=True)
    return 1 if problems else status


def parser() -> CommandParser:
    """The parser of the command's flags."""
    description = (
        "Reads again what mlukit wrote, and compares sizes, SHA-256 and rows with the manifests. Names what has "
        "changed, is missing, extra or not finished, and how to repair it. Changes nothing."
    )
    made = CommandParser("verify", "OUT [FOLDER …]", description, _EXAMPLES, [BEAM_FLAGS])
    text = "Output folder of mlukit build. Folders of OUT may follow, such as examples/en; by default all are read."
    add_output(made, text, more="FOLDER")
    text = "Exit with status 0 even if the dumps were damaged. The command still reports the damage."
    made.group(RUNNING).add_argument("--allow-damaged", action="store_true", help=text)
    made.group(RUNNING).add_argument("--workers", type=at_least(1), default=0, metavar="N", help=WORKERS_HELP)
    return made


def verify(
    storage: Storage, chosen: Sequence[str], beam_flags: Sequence[str], process: PipelineProcess
) -> tuple[list[Problem], int]:
    """Verifies an output folder.

    Args:
        storage: the output folder.
        chosen: the folders to verify, by full path or by path in the output folder; all folders if empty.
        beam_flags: the flags for Beam.
        process: the process in which Beam runs.

    Returns:
        The problems, sorted by stage and path, and the number of shards that were read again.

    Raises:
        SettingsError: the folder is not an output folder, or has no such folder.
        RunError: a worker died.
    """
    if not storage.exists(RUN_RECORD):
        raise SettingsError(f"{storage.root} has no {RUN_RECORD}: name a folder that mlukit wrote")
    records, problems = read_records(storage)
    for stage, record in records.items():
        check_formats(storage, layout.stage_record(stage), record)
    folders = folders_of(records)
    if chosen:
        folders, problems = _choose(storage.root, folders, chosen), []
    else:
        problems += [*check_unlisted(storage, records), *check_models(storage, records)]
    tasks: list[FinishedShard] = []
    stages: dict[str, str] = {}  # by shard
    for folder in folders:
        found, shards = check_folder(storage, folder)
        problems += found
        for shard in shards:
            stages[shard.path] = folder.stage
            tasks.append(FinishedShard(folder.language, len(tasks), shard.bytes, shard))
    changed = _read_again(storage.root, tasks, beam_flags, process)
    problems += [Problem(stages[path], CHANGED, path, text) for path, text in changed.items()]
    return sorted(problems, key=lambda problem: (STAGES.index(problem.stage), problem.path)), len(tasks)


def _choose(root: str, folders: Sequence[Folder], chosen: Sequence[str]) -> list[Folder]:
    """The folders that the user has named; refuses names without a finished folder."""
    names = [folder.path for folder in folders]
    wanted = [name.removeprefix(f"{root}/").strip("/") for name in map(plain_path, chosen)]
    for name in wanted:
        if not any(name and is_inside(path, name) for path in names):
            known = ", ".join(dict.fromkeys(path.partition("/")[0] for path in names)) or "none is finished"
            raise SettingsError(f"{root} has no finished folder {name!r}{nearest(name, names)} ({known})")
    return [folder for folder in folders if any(is_inside(folder.path, name) for name in wanted)]


def _read_again(
    root: str, tasks: Sequence[FinishedShard], beam_flags: Sequence[str], process: PipelineProcess
) -> dict[str, str]:
    """Reads shards again, and returns the problems by path.

    Results are written outside OUT, which may be read-only; but on a cluster into OUT, the only folder that workers and
    launcher share.
    """
    if not tasks:
        return {}
    size = sum(task.cost for task in tasks)
    with tempfile.TemporaryDirectory(prefix="mlukit-verify-") as folder:
        output = folder if choose_workers(size, beam_flags).are_local else root
        storage, report = Storage(output), layout.VERIFY_REPORT
        with closing(Run("verify", Settings(output=output), beam_flags, process)) as run:
            storage.delete(layout.step_results(FinishedShard.step))
            try:
                run.run(VerifyGraph(root, tuple(tasks)), size)
                problems: dict[str, str] = storage.read_json(report)
            finally:
                storage.delete(layout.step_results(FinishedShard.step))
                storage.delete(report)
    return problems


def _print(
    storage: Storage, problems: Sequence[Problem], read: int, chosen: Sequence[str], of_damaged_dumps: bool
) -> None:
    for problem in problems:
        print(problem)
    if problems:
        print(f"\n{storage.root}: problems: {len(problems):,}; shards read again: {read:,}. To repair the output:")
        for number, line in enumerate(repair_steps(storage, problems), 1):
            print(f"  {number}. {line}")
        return
    what = chosen or [stage for stage in STAGES if storage.exists(layout.stage_record(stage))]
    state = "is as it was written" if of_damaged_dumps else "is whole"
    print(f"{storage.root} {state} ({', '.join(what)}): {counted(read, 'shard')} read again")
