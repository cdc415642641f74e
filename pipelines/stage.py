"""The files of an output folder that describe a stage: a plan while the stage runs, a record when it is finished.

The record, such as "link.json", has the options and inputs of the stage, and counts of everything that was processed. A
later run with the same options continues the stage, or has nothing to do. A run with other options is refused, because
old and new shards would not fit together. The launcher checks the first stage of a run; the pipeline checks the others.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mlukit.corpus.linking.title_index import VERSION as TITLE_INDEX_VERSION
from mlukit.engine.manifests import damage_of
from mlukit.engine.storage import Storage
from mlukit.engine.workplace import Workplace
from mlukit.pipelines.settings import Settings, SettingsError
from mlukit.schemas import layout
from mlukit.schemas.arrow import SCHEMA_VERSION
from mlukit.schemas.manifest import dump_json
from mlukit.schemas.wording import other_version

FORMATS: Mapping[str, int] = {"schema_version": SCHEMA_VERSION, "title_index_version": TITLE_INDEX_VERSION}
_UNNAMED_FORMATS = {"schema_version": 1, "title_index_version": 2}  # of old records, which do not name their formats


@dataclass(frozen=True, slots=True)
class Stage:
    """A part of the work with its own record."""

    name: str  # "link", "vocabulary", "examples", "mentions"
    steps: tuple[str, ...]  # steps whose results and files are removed when the stage is finished
    leftovers: tuple[str, ...] = ()  # files and folders that are removed before the stage begins
    needs: tuple[str, ...] = ()  # the names of the earlier stages whose output the stage reads

    def record(self, storage: Storage) -> dict[str, Any] | None:
        """The record of the stage; None if the stage is not finished."""
        return _read_if_there(storage, layout.stage_record(self.name))

    def needed(self, storage: Storage, by: str) -> dict[str, Any]:
        """The record of the stage, for another stage that needs it.

        Args:
            storage: the output folder.
            by: the stage or command that needs this stage, for the message.

        Raises:
            SettingsError: the stage is not finished, or its files are missing or have changed.
        """
        record = self.record(storage)
        if record is None:
            raise SettingsError(
                f"{storage.root} has no finished {self.name} stage, which {by} needs: run mlukit {self.name} first"
            )
        check_formats(storage, layout.stage_record(self.name), record)
        self._check_whole(storage, record)
        return record

    def check_options(self, storage: Storage, settings: Settings) -> None:
        """Refuses options that differ from those of an unfinished stage, whose inputs are not known yet."""
        old = _read_if_there(storage, layout.stage_plan(self.name))
        if old is not None:
            check_formats(storage, layout.stage_plan(self.name), old)
            self._check_same(storage, old, {"options": settings.output_options(self.name), "inputs": old["inputs"]})

    def is_finished(self, storage: Storage, settings: Settings, inputs: Mapping[str, Any]) -> bool:
        """Whether the stage is finished; writes nothing.

        Raises:
            SettingsError: the output was made with other options or from other inputs, or is damaged.
        """
        done = self.record(storage)
        old = done or _read_if_there(storage, layout.stage_plan(self.name))
        if old is not None:
            name = layout.stage_record(self.name) if done else layout.stage_plan(self.name)
            check_formats(storage, name, old)
            self._check_same(storage, old, self._plan(settings, inputs))
        if done:
            self._check_whole(storage, done)
        return done is not None

    def begin(self, storage: Storage, settings: Settings, inputs: Mapping[str, Any]) -> bool:
        """Begins the stage or continues it; changes nothing if the stage is finished.

        A new stage first removes old results, which a worker that outlived an earlier run may have written.

        Returns:
            False if the stage is finished.

        Raises:
            SettingsError: the output was made with other options or from other inputs, or is damaged.
        """
        if self.is_finished(storage, settings, inputs):
            return False
        if not storage.exists(layout.stage_plan(self.name)):
            for step in self.steps:
                storage.delete(layout.step_results(step))
                storage.delete(layout.step_files(step))
            for path in self.leftovers:
                storage.delete(path)
            storage.write_json(layout.stage_plan(self.name), self._plan(settings, inputs))
        return True

    def finish(
        self,
        workplace: Workplace,
        settings: Settings,
        inputs: Mapping[str, Any],
        result: Mapping[str, Any],
        folders: Sequence[str],
    ) -> dict[str, Any]:
        """Writes the record and returns it.

        On one machine, also removes the files that only the work needed. On a cluster, the launcher removes them after
        the end of the job, because a runner may restart the whole job after a fault, and then needs the results.

        Args:
            workplace: where the tasks ran.
            settings: the settings of the run.
            inputs: the identity of the inputs.
            result: further parts of the record.
            folders: the folders that the stage wrote, each with a manifest.
        """
        record = {**self._plan(settings, inputs), "folders": list(folders), **result}
        workplace.storage.write_json(layout.stage_record(self.name), record)
        if workplace.is_local:
            self.tidy(workplace.storage)
        return record

    def tidy(self, storage: Storage) -> None:
        """Removes the files that only the work needed. The plan is removed last, since it marks unfinished tidying."""
        for step in self.steps:
            storage.delete(layout.step_results(step))
            storage.delete(layout.step_files(step))
        storage.delete(layout.stage_plan(self.name))

    def _plan(self, settings: Settings, inputs: Mapping[str, Any]) -> dict[str, Any]:
        return {"formats": FORMATS, "options": settings.output_options(self.name), "inputs": dict(inputs)}

    def _check_same(self, storage: Storage, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
        """Refuses a plan whose options or inputs differ from those of old output."""
        for part in ("options", "inputs"):
            for key in dict.fromkeys([*new[part], *old[part]]):
                before, now = old[part].get(key), new[part].get(key)
                if before != now:
                    if key == "files":
                        before, now = _difference(before, now)
                    record = layout.stage_record(self.name)
                    redo = f", or delete {record} to redo the stage" if storage.exists(record) else ""
                    raise SettingsError(
                        f"the {self.name} stage in {storage.root} was made with {key} = {before!r}, now it is {now!r}: "
                        f"use the same options and inputs, or name another --output{redo}"
                    )

    def _check_whole(self, storage: Storage, record: Mapping[str, Any]) -> None:
        """Refuses a finished stage whose files are missing or have changed."""
        for folder in record["folders"]:
            if damage := damage_of(storage, folder):
                raise SettingsError(
                    f"{storage.root}: the {self.name} stage is finished, but {damage}: "
                    f"delete {layout.stage_record(self.name)} to redo the stage"
                )


def check_formats(storage: Storage, name: str, record: Mapping[str, Any]) -> None:
    """Refuses the plan or record of a stage that another version of mlukit wrote in another format.

    Raises:
        SettingsError: the message names the file, both versions, and what to do.
    """
    found = record.get("formats", _UNNAMED_FORMATS)
    for part, version in FORMATS.items():
        if (other := found.get(part) if isinstance(found, dict) else found) != version:
            raise SettingsError(other_version(storage.path(name), part, other, version))


def _read_if_there(storage: Storage, name: str) -> dict[str, Any] | None:
    try:
        value: dict[str, Any] = storage.read_json(name)
    except FileNotFoundError:
        return None
    return value


def _difference(before: Sequence[Any], now: Sequence[Any]) -> tuple[list[Any], list[Any]]:
    """The elements of each list that the other list does not have."""
    return [one for one in before if one not in now], [one for one in now if one not in before]


def fingerprint(value: Any) -> str:
    """A short hash of a JSON value, equal for equal values."""
    return hashlib.sha256(dump_json(value)).hexdigest()[:16]
