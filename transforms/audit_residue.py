"""Counts remains of markup in a shard of articles."""

from dataclasses import dataclass
from typing import ClassVar

from corpus.residue import ResidueTally, residue_classes
from schemas.manifest import Receipt
from transforms.do_units import Unit
from transforms.monitor import Monitor
from transforms.storage import WORK, Storage
from transforms.write_shards import read_batches

_COLUMNS = ["page_id", "title", "text", "paragraphs"]


@dataclass(frozen=True)
class AuditResidue(Unit):
    """Writes what was found as JSON: a few hundred lines, whatever the shard's size."""

    phase: ClassVar[str] = "residue"
    articles: str  # the shard

    @property
    def path(self) -> str:
        """Where the tally is written."""
        return f"{WORK}/residue/{self.language}/{self.number:05}.json"

    def run(self, storage: Storage, monitor: Monitor) -> Receipt:
        """See `corpus.residue`."""
        tally, classes = ResidueTally(), residue_classes(self.language)
        with storage.open(self.articles) as stream:
            for batch in read_batches(stream, _COLUMNS):
                starts = batch["paragraphs"]
                for row in range(batch.num_rows):
                    page_id, title, text = (batch[name][row].as_py() for name in _COLUMNS[:3])
                    tally.add_page(page_id, title, text, [span["start"] for span in starts[row].as_py()], classes)
                monitor.advance(stream.tell(), pages=batch.num_rows)
        storage.write_json(self.path, tally.to_json())
        return Receipt(self.name, counts={"pages": tally.pages, "paragraphs": tally.paragraphs})
