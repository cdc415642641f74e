"""One run over an output folder: finds the stages to do, runs them in a pipeline, and records what the run took."""

import os
import platform
import re
import time
from collections.abc import Sequence
from contextlib import suppress
from itertools import islice
from typing import Any

from mlukit.engine.folder_lock import FolderLock
from mlukit.engine.launch.pipeline_process import PipelineProcess
from mlukit.engine.launch.progress import Progress, StepReport
from mlukit.engine.launch.run_pipeline import Graph, run_pipeline
from mlukit.engine.launch.workers import choose_workers
from mlukit.engine.lease import InUseError
from mlukit.engine.logs import say
from mlukit.engine.measures import add_up
from mlukit.engine.storage import Storage, is_local
from mlukit.pipelines.graphs.stages import Build
from mlukit.pipelines.preparation.disk_space import warn_of_little_space
from mlukit.pipelines.preparation.old_output import find_old_output, remove, stages_from
from mlukit.pipelines.settings import Settings, SettingsError
from mlukit.pipelines.stage import Stage
from mlukit.schemas import layout
from mlukit.transforms.checksum_files import SourceFile
from mlukit.transforms.count_index_pages import IndexFile

_SECRET_FLAGS = re.compile(r"--(\w*(?:access_key|session_token|password|secret)\w*)", re.ASCII)


class Run:
    """A run of a command over an output folder.

    Args:
        command: the name of the command.
        settings: the settings of the run.
        beam_flags: the flags for Beam.
        process: the process in which Beam runs.

    Raises:
        SettingsError: the output folder contains files that mlukit did not write.
    """

    def __init__(self, command: str, settings: Settings, beam_flags: Sequence[str], process: PipelineProcess) -> None:
        self.settings = settings
        self.storage = Storage(settings.output)
        self._command, self._beam_flags, self._process = command, tuple(beam_flags), process
        self._reports: list[StepReport] = []  # of finished steps
        self._lock = FolderLock()
        check_folder(self.storage)

    def close(self) -> None:
        """Unlocks the output folder for other runs."""
        self._lock.release()

    def do(self, stages: Sequence[Stage]) -> None:
        """Does the stages that are not finished. Consecutive unfinished stages run in one pipeline.

        Raises:
            SettingsError: the output was made with other options or from other inputs, or is damaged.
            RunError: the pipeline failed.
        """
        build, left = Build(self.settings, self.storage, stages), list(stages)
        if self.settings.overwrite:
            build.inputs(left[0])  # refuses wrong inputs before the old output is removed
            self._remove_old(left[0])
        while left:
            if not self._begin(left[0], build):
                left.pop(0)
                continue
            group = [left.pop(0)]
            while left and left[0].record(self.storage) is None:
                left[0].check_options(self.storage, build.settings)
                group.append(left.pop(0))
            self._do_together(group, build)

    def _remove_old(self, first: Stage) -> None:
        """Removes what earlier runs wrote for a stage and all later stages, and names the files that are kept."""
        self._claim_folder()
        self.take_folder()
        old = find_old_output(self.storage, first)
        remove(self.storage, old)
        again = stages_from(first)
        for stage in again:
            stage.tidy(self.storage)
        names = [stage.name for stage in again]
        runs = [run for run in self.storage.read_json(layout.RUN_RECORD)["runs"] if run["stage"] not in names]
        self.storage.write_json(layout.RUN_RECORD, {"runs": runs})
        say(f"--overwrite: removed {len(old.removable):,} files of earlier runs from {self.settings.output}")
        if old.foreign:
            say(f"--overwrite: {old.foreign_text(self.settings.output)}")

    def _begin(self, stage: Stage, build: Build) -> bool:
        """Begins or continues a stage, whose earlier stages are finished. Returns False if the stage is finished."""
        inputs = build.inputs(stage)
        self._claim_folder()
        if stage.record(self.storage) is None:
            self.take_folder()
        if stage.begin(self.storage, build.settings, inputs):
            return True
        if self.storage.exists(
            layout.stage_plan(stage.name)
        ):  # the run that finished the stage was killed before tidying
            self.take_folder()
            stage.tidy(self.storage)
            self.storage.delete(layout.ASIDE)
        say(f"{stage.name}: already finished, nothing to do")
        return False

    def _claim_folder(self) -> None:
        """Marks the folder as an output folder of mlukit by writing the first file."""
        if not self.storage.exists(layout.RUN_RECORD):
            try:
                self.storage.write_json(layout.RUN_RECORD, {"runs": []})
            except OSError as error:
                raise SettingsError(f"--output {self.settings.output} cannot be written to: {error}") from error

    def take_folder(self) -> None:
        """Locks the output folder for this run, and stops jobs on a cluster whose launchers are dead.

        Raises:
            SettingsError: another run has locked the folder.
        """
        try:
            taken = self._lock.take(self.storage)
        except InUseError as error:
            raise SettingsError(
                f"another run uses {self.settings.output}{error}: wait until that run ends, or name another --output"
            ) from error
        if taken:
            self.storage.delete(layout.BOARDS)

    def _do_together(self, stages: Sequence[Stage], build: Build) -> None:
        """Does consecutive stages in one pipeline; records stages that are finished, even if a later stage fails."""
        graph, size = build.graph(stages), build.input_bytes(stages)
        warn_of_little_space(self.storage, self.settings, [stage.name for stage in stages], build.dumps())
        for step in (SourceFile.step, IndexFile.step):  # a file may have been replaced between two runs
            self.storage.delete(layout.step_results(step))
        try:
            self.run(graph, size)
        except BaseException:
            with suppress(OSError):  # the failing store may be the cause of the error
                self._record_finished(stages)
            raise
        self._record_finished(stages)
        for stage in stages:
            stage.tidy(self.storage)
        self.storage.delete(layout.ASIDE)

    def run(self, graph: Graph, input_bytes: int) -> None:
        """Runs a pipeline, and collects the reports of its steps."""
        workers = choose_workers(input_bytes, self._beam_flags)
        progress = Progress(str(workers), self._lock.check)
        try:
            run_pipeline(self._process, self._command, graph, self.storage.root, workers, self._beam_flags, progress)
        finally:
            self._reports += progress.reports

    def _record_finished(self, stages: Sequence[Stage]) -> None:
        for stage in stages:
            if stage.record(self.storage) is not None:
                self._record(stage.name, [report for report in self._reports if report.stage == stage.name])

    def _record(self, stage: str, reports: Sequence[StepReport]) -> None:
        """Adds time, machine and flags of a stage to run.json; manifests must not have them, since they vary."""
        seconds = max((one.ended for one in reports), default=0.0) - min((one.began for one in reports), default=0.0)
        steps = [(report.title, report.measures) for report in reports if report.has_tasks]
        entry = {
            "stage": stage,
            "finished": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "host": platform.node(),
            "cores": os.cpu_count(),
            "beam_flags": _without_secrets(self._beam_flags),
            **add_up((measures for _, measures in steps), seconds).to_json(),
            "steps": [{"step": title, **measures.to_json()} for title, measures in steps],
        }
        runs: list[dict[str, Any]] = self.storage.read_json(layout.RUN_RECORD)["runs"]
        self.storage.write_json(layout.RUN_RECORD, {"runs": [*runs, entry]})


def check_folder(storage: Storage) -> None:
    """Refuses an output folder with files that mlukit did not write.

    Raises:
        SettingsError: names some of the files.
    """
    if not is_local(storage.root) and re.search(r"[*?\[\]]", storage.root):
        raise SettingsError(f"--output {storage.root}: a name on an object store must not contain * ? [ or ]")
    if storage.exists(layout.RUN_RECORD):
        return
    names = list(islice((name for name in storage.files() if not name.startswith(f"{layout.WORK}/")), 4))
    if names:
        more = ", …" if len(names) > 3 else ""
        raise SettingsError(
            f"--output {storage.root} has files that mlukit did not write ({', '.join(sorted(names)[:3])}{more}): "
            "name a new or empty folder, or an output folder of mlukit"
        )


def _without_secrets(flags: Sequence[str]) -> list[str]:
    """The flags with secret values replaced by "…"; a flag and its value may be two words."""
    shown: list[str] = []
    secret = False
    for flag in flags:
        name, has_value, _ = flag.partition("=")
        if secret and not flag.startswith("--"):
            flag = "…"
        secret = bool(_SECRET_FLAGS.fullmatch(name))
        shown.append(f"{name}=…" if secret and has_value else flag)
    return shown
