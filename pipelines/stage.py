"""What an output folder says of a stage: its plan while the stage goes on, its record when it is finished.

A record lies beside the folders ("link.json"): the stage's options, its inputs and where everything went. A later run
with the same options goes on or has nothing to do; with other options it is refused, since old and new shards would
not belong together. All of this is done in the launcher for the first stage of a run, and in the pipeline for others.
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
_UNNAMED_FORMATS = {"schema_version": 1, "title_index_version": 2}  # of records from before they named their formats


@dataclass(frozen=True, slots=True)
class Stage:
    """A part of the work that has a record of its own."""

    name: str  # "link", "vocabulary", "examples"
    steps: tuple[str, ...]  # whose results and files only the work on the stage needs
    leftovers: tuple[str, ...] = ()  # files and folders that are removed where the stage begins from nothing

    def record(self, storage: Storage) -> dict[str, Any] | None:
        """That of the finished stage; None where it is not finished."""
        return _read_if_there(storage, layout.stage_record(self.name))

    def needed(self, storage: Storage, by: str) -> dict[str, Any]:
        """The record, which another stage builds on.

        Raises:
            SettingsError: the stage is not finished, or what it wrote is gone.
        """
        record = self.record(storage)
        if record is None:
            raise SettingsError(
                f"{storage.root} has no finished {self.name} stage, which {by} builds on: run mlukit {self.name} first"
            )
        check_formats(storage, layout.stage_record(self.name), record)
        self._check_whole(storage, record)
        return record

    def check_options(self, storage: Storage, settings: Settings) -> None:
        """Refuses other options than those of the work that was begun; its inputs are not known yet."""
        old = _read_if_there(storage, layout.stage_plan(self.name))
        if old is not None:
            check_formats(storage, layout.stage_plan(self.name), old)
            self._check_same(storage, old, {"options": settings.output_options(self.name), "inputs": old["inputs"]})

    def is_finished(self, storage: Storage, settings: Settings, inputs: Mapping[str, Any]) -> bool:
        """Whether the stage is finished; writes nothing.

        Raises:
            SettingsError: what is there was made with other options or of other inputs, or is damaged.
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
        """Begins the stage, or goes on with it; False where it is finished, and nothing is changed.

        Where it begins from nothing, results are removed: a worker that outlived an earlier run may have left some.

        Raises:
            SettingsError: what is there was made with other options or of other inputs, or is damaged.
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
        """Writes the record and gives it.

        Removes what only the work on the stage needed, but on a cluster: after a fault its runner may begin the whole
        job anew, and finds by the results what is done. There the launcher tidies up when the job has ended.

        Args:
            folders: those that the stage wrote, each with a manifest.
        """
        record = {**self._plan(settings, inputs), "folders": list(folders), **result}
        workplace.storage.write_json(layout.stage_record(self.name), record)
        if workplace.is_local:
            self.tidy(workplace.storage)
        return record

    def tidy(self, storage: Storage) -> None:
        """Removes what only the work on the stage needed; the plan last, which tells that there may be more."""
        for step in self.steps:
            storage.delete(layout.step_results(step))
            storage.delete(layout.step_files(step))
        storage.delete(layout.stage_plan(self.name))

    def _plan(self, settings: Settings, inputs: Mapping[str, Any]) -> dict[str, Any]:
        return {"formats": FORMATS, "options": settings.output_options(self.name), "inputs": dict(inputs)}

    def _check_same(self, storage: Storage, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
        for part in ("options", "inputs"):
            for key in dict.fromkeys([*new[part], *old[part]]):
                before, now = old[part].get(key), new[part].get(key)
                if before != now:
                    if key == "files":
                        before, now = _difference(before, now)
                    record = layout.stage_record(self.name)
                    anew = f", or take {record} away to have the stage done anew" if storage.exists(record) else ""
                    raise SettingsError(
                        f"the {self.name} stage in {storage.root} was made with {key} = {before!r}, now it is {now!r}: "
                        f"ask for the same again, or name another --output{anew}"
                    )

    def _check_whole(self, storage: Storage, record: Mapping[str, Any]) -> None:
        """Refuses to go on from a finished stage when files of it are gone or are others."""
        for folder in record["folders"]:
            if damage := damage_of(storage, folder):
                raise SettingsError(
                    f"{storage.root}: the {self.name} stage was finished, but {damage} since: "
                    f"take {layout.stage_record(self.name)} away to have the stage done again"
                )


def check_formats(storage: Storage, name: str, record: Mapping[str, Any]) -> None:
    """Refuses the plan or the record of a stage that another version of mlukit wrote, in formats that this one lacks.

    Raises:
        SettingsError: names the file, both versions, and what to do.
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
    """Of two long lists only what the other has not."""
    return [one for one in before if one not in now], [one for one in now if one not in before]


def fingerprint(value: Any) -> str:
    """A short name for a value, equal for equal values."""
    return hashlib.sha256(dump_json(value)).hexdigest()[:16]
