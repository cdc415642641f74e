"""Gives pages without an item the items of the corresponding pages in other languages."""

from dataclasses import dataclass
from typing import ClassVar

from mlukit.corpus.linking.interlanguage_items import CARRIED, carry_items
from mlukit.engine.heartbeat import Heartbeat
from mlukit.engine.storage import Storage, is_local
from mlukit.engine.task import Task
from mlukit.engine.task_transform import TaskTransform
from mlukit.schemas import layout
from mlukit.schemas.manifest import TaskResult
from mlukit.transforms.open_title_index import header_shard, local_folders, own_copy


@dataclass(frozen=True)
class IndexToCarryTo(Task):
    """The title index of a language, which does not have items from other languages yet."""

    step: ClassVar[str] = "carry"


@dataclass(eq=False, repr=False)
class CarryItems(TaskTransform[IndexToCarryTo]):
    """PCollection of IndexToCarryTo -> results: a layer of a title index; needs the indexes of all languages."""

    task = IndexToCarryTo
    languages: tuple[str, ...]

    def run(self, task: IndexToCarryTo, storage: Storage, heartbeat: Heartbeat) -> TaskResult:
        """See `corpus.linking.interlanguage_items`."""
        folders = local_folders(storage, self.languages)
        if is_local(storage.root):
            counts = carry_items(task.language, folders)
        else:
            with own_copy(folders[task.language]) as copy:
                counts = carry_items(task.language, {**folders, task.language: copy})
                storage.upload_folder(copy / CARRIED, f"{layout.title_index(task.language)}/{CARRIED}")
        shard = header_shard(storage, task.language, CARRIED)
        return TaskResult(task.name, (shard,), counts={f"carry {name}": n for name, n in counts.items()})
