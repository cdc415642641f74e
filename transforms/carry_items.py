"""Gives pages without an item those of the pages that they are in other languages."""

from dataclasses import dataclass
from typing import ClassVar

from corpus.carry_items import CARRIED, carry_items
from schemas.manifest import Receipt
from transforms.do_units import Unit
from transforms.monitor import Monitor
from transforms.open_index import header_shard, index_folder, local_folders, own_copy
from transforms.storage import Storage, is_local


@dataclass(frozen=True)
class CarryItems(Unit):
    """Adds a layer to the index of a language; needs those of all others."""

    phase: ClassVar[str] = "carry"
    languages: tuple[str, ...]

    def run(self, storage: Storage, monitor: Monitor) -> Receipt:
        """See `corpus.carry_items`."""
        folders = local_folders(storage, self.languages)
        if is_local(storage.root):
            counts = carry_items(self.language, folders)
        else:
            with own_copy(folders[self.language]) as copy:
                counts = carry_items(self.language, {**folders, self.language: copy})
                storage.upload_folder(copy / CARRIED, f"{index_folder(self.language)}/{CARRIED}")
        shard = header_shard(storage, self.language, CARRIED)
        return Receipt(self.name, (shard,), counts={f"carry {name}": n for name, n in counts.items()})
