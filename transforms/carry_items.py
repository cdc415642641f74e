"""Gives pages without an item those of the pages that they are in other languages."""

from dataclasses import dataclass
from typing import ClassVar

from mlukit.corpus.linking.interlanguage_items import CARRIED, carry_items
from mlukit.engine.heartbeat import Heartbeat
from mlukit.engine.storage import Storage, is_local
from mlukit.engine.task import Task
from mlukit.schemas import layout
from mlukit.schemas.manifest import TaskResult
from mlukit.transforms.open_title_index import header_shard, local_folders, own_copy


@dataclass(frozen=True)
class CarryItems(Task):
    """Adds a layer to the index of a language; needs those of all others."""

    step: ClassVar[str] = "carry"
    languages: tuple[str, ...]

    def run(self, storage: Storage, heartbeat: Heartbeat) -> TaskResult:
        """See `corpus.linking.interlanguage_items`."""
        folders = local_folders(storage, self.languages)
        if is_local(storage.root):
            counts = carry_items(self.language, folders)
        else:
            with own_copy(folders[self.language]) as copy:
                counts = carry_items(self.language, {**folders, self.language: copy})
                storage.upload_folder(copy / CARRIED, f"{layout.title_index(self.language)}/{CARRIED}")
        shard = header_shard(storage, self.language, CARRIED)
        return TaskResult(self.name, (shard,), counts={f"carry {name}": n for name, n in counts.items()})
