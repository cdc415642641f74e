"""One run over an output folder: its stages begin, go through steps of tasks, and finish.

A stage that is finished has a record beside the folders ("link.json"): its options, its inputs and where everything
went. While it runs, its plan lies in the work folder. A later run with the same options goes on or has nothing to do;
with other options it is refused, since old and new shards would not belong together.
"""

import hashlib
import os
import platform
import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any

from mlukit.engine.errors import RunError, say
from mlukit.engine.folder_lock import FolderLock
from mlukit.engine.heartbeat import Report
from mlukit.engine.launch import choose_workers, run_tasks
from mlukit.engine.lease import InUseError
from mlukit.engine.manifests import damage_of
from mlukit.engine.measures import Measures, add_up, read_measures
from mlukit.engine.progress import Progress
from mlukit.engine.storage import Storage, is_local
from mlukit.engine.task import Task
from mlukit.pipelines.settings import Settings, SettingsError
from mlukit.schemas import layout
from mlukit.schemas.manifest import TaskResult, dump_json

_LISTING_INTERVAL = 2.0  # seconds between two looks at what is finished
_READERS = 8  # results read at once: an object store takes its time for each
_SECRET_FLAGS = re.compile(r"--(\w*(?:access_key|session_token|password|secret)\w*)", re.ASCII)


class Run:
    """A run of one or more stages.

    Raises:
        SettingsError: the output folder holds something that is not ours.
    """

    def __init__(self, settings: Settings, beam_flags: Sequence[str]) -> None:
        self.settings = settings
        self.storage = Storage(settings.output)
        self._beam_flags = tuple(beam_flags)
        self._begun: set[str] = set()
        self._steps: list[tuple[str, Measures]] = []  # of the stage that goes on, with their titles
        self._lock = FolderLock()
        self._check_folder()

    def close(self) -> None:
        """Lets other runs work on the output folder."""
        self._lock.release()

    def _check_folder(self) -> None:
        if not is_local(self.storage.root) and re.search(r"[*?\[\]]", self.storage.root):
            raise SettingsError(
                f"--output {self.settings.output}: on an object store, a name with * ? [ or ] would be a pattern"
            )
        if self.storage.exists(layout.RUN_RECORD):
            return
        names = list(islice((name for name in self.storage.files() if not name.startswith(f"{layout.WORK}/")), 4))
        if names:
            more = ", …" if len(names) > 3 else ""
            raise SettingsError(
                f"--output {self.settings.output} holds something else ({', '.join(sorted(names)[:3])}{more}): "
                "name a new or empty folder, or one that mlukit wrote"
            )

    def _claim_folder(self) -> None:
        """Makes the folder ours, by its first file."""
        if not self.storage.exists(layout.RUN_RECORD):
            try:
                self.storage.write_json(layout.RUN_RECORD, {"runs": []})
            except OSError as error:
                raise SettingsError(f"--output {self.settings.output} cannot be written to: {error}") from error

    def _take_folder(self) -> None:
        try:
            self._lock.take(self.storage)
        except InUseError as error:
            raise SettingsError(
                f"another run works on {self.settings.output}{error}: wait for its end, or name another --output"
            ) from error

    def record(self, stage: str, seconds: float) -> None:
        """Adds to the list of runs, if anything was done, what no manifest may hold, since it differs each time.

        Args:
            seconds: that the stage took.
        """
        steps, self._steps = self._steps, []
        if stage not in self._begun:
            return
        runs = self.storage.read_json(layout.RUN_RECORD)["runs"]
        entry = {
            "stage": stage,
            "finished": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "host": platform.node(),
            "cores": os.cpu_count(),
            "beam_flags": _without_secrets(self._beam_flags),
            **add_up((measures for _, measures in steps), seconds).to_json(),
            "steps": [{"step": title, **measures.to_json()} for title, measures in steps],
        }
        self.storage.write_json(layout.RUN_RECORD, {"runs": [*runs, entry]})

    def finished(self, stage: str) -> dict[str, Any] | None:
        """The record of a finished stage; None where it is not."""
        return self._read_if_there(layout.stage_record(stage))

    def _read_if_there(self, name: str) -> dict[str, Any] | None:
        try:
            value: dict[str, Any] = self.storage.read_json(name)
        except FileNotFoundError:
            return None
        return value

    def needed(self, stage: str, by: str) -> dict[str, Any]:
        """The record of a stage that another one builds on.

        Raises:
            SettingsError: it is not finished, or what it wrote is gone.
        """
        record = self.finished(stage)
        if record is None:
            raise SettingsError(
                f"{self.settings.output} has no finished {stage} stage, which {by} builds on: run mlukit {stage} first"
            )
        self._check_whole(stage, record)
        return record

    def begin(self, stage: str, inputs: Mapping[str, Any], steps: Iterable[str], leftovers: Iterable[str] = ()) -> bool:
        """Begins a stage or goes on with it; False where it is finished already.

        Args:
            inputs: what identifies its inputs.
            steps: whose results are removed where it begins from nothing: a worker that outlived an earlier run may
                have left some after the end of the stage.
            leftovers: files and folders that are removed then, too.

        Raises:
            SettingsError: what is there was made with other options or of other inputs, or cannot be written to.
        """
        self._claim_folder()
        if self.finished(stage) is None:
            self._take_folder()
        plan = {"options": self.settings.output_options(stage), "inputs": dict(inputs)}
        done = self.finished(stage)
        name = layout.stage_plan(stage)
        old = done or self._read_if_there(name)
        if old is None:
            for step in steps:
                self.remove_results(step)
            for path in leftovers:
                self.storage.delete(path)
            self.storage.write_json(name, plan)
        else:
            self._check_same(stage, old, plan)
        if done:
            self._check_whole(stage, done)
            if self.storage.exists(name):  # the run that finished it was killed before it had tidied up
                self._take_folder()
                self._tidy(stage, steps)
            say(f"{stage}: finished before, nothing to do")
            return False
        self._begun.add(stage)
        return True

    def _check_same(self, stage: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
        for part in ("options", "inputs"):
            for key in dict.fromkeys([*new[part], *old[part]]):
                before, now = old[part].get(key), new[part].get(key)
                if before != now:
                    if key == "files":
                        before, now = _difference(before, now)
                    anew = (
                        f", or take {layout.stage_record(stage)} away to have the stage done anew"
                        if self.finished(stage)
                        else ""
                    )
                    raise SettingsError(
                        f"the {stage} stage in {self.settings.output} was made with {key} = {before!r}, now it is "
                        f"{now!r}: ask for the same again, or name another --output{anew}"
                    )

    def _check_whole(self, stage: str, record: Mapping[str, Any]) -> None:
        """Refuses to go on from a finished stage when files of it are gone or are others."""
        for folder in record["folders"]:
            if damage := damage_of(self.storage, folder):
                raise SettingsError(
                    f"{self.settings.output}: the {stage} stage was finished, but {damage} since: "
                    f"take {layout.stage_record(stage)} away to have the stage done again"
                )

    def finish(
        self,
        stage: str,
        inputs: Mapping[str, Any],
        result: Mapping[str, Any],
        folders: Sequence[str],
        steps: Iterable[str],
    ) -> None:
        """Writes the stage's record, and removes what only its work needed.

        Args:
            folders: those that the stage wrote, each with a manifest.
        """
        self._lock.check()
        options = self.settings.output_options(stage)
        record = {"options": options, "inputs": dict(inputs), "folders": list(folders), **result}
        self.storage.write_json(layout.stage_record(stage), record)
        self._tidy(stage, steps)

    def _tidy(self, stage: str, steps: Iterable[str]) -> None:
        """Removes what only the work on a stage needed; the plan last, which tells that there may be more."""
        for step in steps:
            self.remove_results(step)
            self.storage.delete(layout.step_files(step))
        self.storage.delete(layout.ASIDE)
        self.storage.delete(layout.stage_plan(stage))

    def remove_results(self, step: str) -> None:
        """Has a step's tasks done anew."""
        self.storage.delete(layout.step_results(step))
        self.storage.delete(layout.step_measures(step))

    def step(self, title: str, tasks: Sequence[Task]) -> list[TaskResult]:
        """Does those tasks that are not done, and gives the results of all of them, in their order."""
        self._lock.check()
        start = time.monotonic()
        results = self._results(tasks)
        todo = [task for task in tasks if task.name not in results]
        if todo:
            progress = Progress(title, tasks, results)
            run_tasks(todo, self.storage.root, self._beam_flags, self._watch(progress, tasks))
            progress.close(str(choose_workers(todo, self._beam_flags)))
            results |= self._results(todo)
        missing = [task.name for task in tasks if task.name not in results]
        if missing:
            raise RunError(f"the runner ended well, but left no result of {', '.join(missing[:5])}")
        if tasks:
            measured = self._measure(todo, results, len(tasks) - len(todo), time.monotonic() - start)
            self._steps.append((title, measured))
        return [results[task.name] for task in tasks]

    def _measure(
        self, done: Sequence[Task], results: Mapping[str, TaskResult], found_done: int, seconds: float
    ) -> Measures:
        measures = read_measures(self.storage, [task.name for task in done])
        return Measures(
            tasks_done=len(done),
            tasks_found_done=found_done,
            wall_seconds=seconds,
            cpu_seconds=sum(measure.cpu_seconds for measure in measures),
            bytes_read=sum(task.cost for task in done),
            bytes_written=sum(shard.bytes for task in done for shard in results[task.name].shards),
            peak_bytes=max((measure.peak_bytes for measure in measures), default=0),
        )

    def _results(self, tasks: Sequence[Task]) -> dict[str, TaskResult]:
        """Of those tasks that are done: a result is there, and so is what it names."""

        def read(task: Task) -> TaskResult:
            return TaskResult.from_json(self.storage.read_json(task.result_path))

        present: set[str] = set()
        for step in {task.step for task in tasks}:
            present |= self.storage.sizes(layout.step_results(step)).keys()
        done = [task for task in tasks if task.result_path in present]
        with ThreadPoolExecutor(_READERS) as readers:
            results = list(readers.map(read, done))
        sizes: dict[str, int] = {}
        for folder in {shard.path.rpartition("/")[0] for result in results for shard in result.shards}:
            sizes |= self.storage.sizes(folder)  # on an object store far cheaper than to ask for each file
        return {
            result.task: result
            for result in results
            if all(sizes.get(shard.path) == shard.bytes for shard in result.shards)
        }

    def _watch(self, progress: Progress, tasks: Sequence[Task]) -> Callable[[Sequence[Report]], None]:
        paths = {task.result_path: task.name for task in tasks}
        steps = {task.step for task in tasks}
        done: list[str] = []
        looked = 0.0

        def show(reports: Sequence[Report]) -> None:
            nonlocal done, looked
            self._lock.check()
            if time.monotonic() - looked > _LISTING_INTERVAL:
                looked = time.monotonic()
                written = (self.storage.sizes(layout.step_results(step)) for step in steps)
                done = [paths[path] for of_step in written for path in of_step if path in paths]
            progress.update(done, reports)

        return show


def _difference(before: Sequence[Any], now: Sequence[Any]) -> tuple[list[Any], list[Any]]:
    """Of two long lists only what the other has not."""
    return [one for one in before if one not in now], [one for one in now if one not in before]


def _without_secrets(flags: Sequence[str]) -> list[str]:
    """Flags as they may be written down; a flag and its value may be two words."""
    shown: list[str] = []
    secret = False
    for flag in flags:
        name, has_value, _ = flag.partition("=")
        if secret and not flag.startswith("--"):
            flag = "…"
        secret = bool(_SECRET_FLAGS.fullmatch(name))
        shown.append(f"{name}=…" if secret and has_value else flag)
    return shown


def fingerprint(value: Any) -> str:
    """A short name for a value, equal for equal values."""
    return hashlib.sha256(dump_json(value)).hexdigest()[:16]
