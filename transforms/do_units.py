"""Units of work: a worker takes one, does it whole, publishes what it made, and leaves a receipt.

Everything heavy in mlukit is such a unit, planned before the run: its bytes do not depend on the runner or on the
number of workers, a re-run does only those without a receipt, and no article crosses a shuffle.
"""

import gc
import traceback
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import apache_beam as beam

from schemas.manifest import Receipt
from transforms.monitor import Monitor
from transforms.storage import WORK, Storage

# Units make many small objects and hardly any cycles: to look for them each 700 objects took a tenth of the time.
RARELY = (100_000, 20, 100)
ALL_LANGUAGES = "all"  # the language of a unit that concerns every language


@dataclass(frozen=True)
class Unit(ABC):
    """A piece of work. Subclasses are frozen dataclasses of what it takes to do it, and must pickle."""

    phase: ClassVar[str]
    language: str
    number: int
    cost: int  # input bytes, or something in proportion: orders the plan and feeds the progress line

    @property
    def name(self) -> str:
        """Names the unit within the output: "parse/en/00003"."""
        return f"{self.phase}/{self.language}/{self.number:05}"

    @property
    def receipt_path(self) -> str:
        """Where its receipt is written."""
        return f"{WORK}/receipts/{self.name}.json"

    @abstractmethod
    def run(self, storage: Storage, monitor: Monitor) -> Receipt:
        """Does the work; may be repeated, at once or later, with the same result."""


def do_unit(unit: Unit, storage: Storage, folder: str | None) -> Receipt:
    """Does one unit of work and leaves its receipt.

    Args:
        folder: where the launcher listens; None on a cluster.

    Raises:
        ValueError: something entered the unit and is not accounted for, which is a defect of the unit.
    """
    gc.set_threshold(*RARELY)
    monitor = Monitor(folder, unit.name)
    try:
        receipt = unit.run(storage, monitor)
        for name, flow in receipt.flows.items():
            if flow.unaccounted:
                raise ValueError(f"{unit.name}: {flow.unaccounted} {name} neither came out nor have a reason: {flow}")
        monitor.check()
        storage.write_json(unit.receipt_path, receipt.to_json())
    except Exception as error:
        monitor.fail(error, traceback.format_exc())
        raise
    monitor.finish()
    return receipt


def is_done(unit: Unit, storage: Storage) -> bool:
    """Whether a unit's receipt is there, and so is what it names."""
    if not storage.exists(unit.receipt_path):
        return False
    receipt = Receipt.from_json(storage.read_json(unit.receipt_path))
    return all(storage.size(shard.path) == shard.bytes for shard in receipt.shards)


class _DoUnit(beam.DoFn):
    """Does a unit that is not done: after a fault a runner repeats all that a lost worker was given."""

    def __init__(self, root: str, stopped: str) -> None:
        self._root, self._stopped = root, stopped

    def process(self, unit: Unit) -> Iterator[str]:
        storage = Storage(self._root)
        if storage.exists(self._stopped):
            return  # nobody waits for this job any more: the next one does what is left
        if not is_done(unit, storage):
            do_unit(unit, storage, None)
        yield unit.name


class DoUnits(beam.PTransform):
    """Does the units on a cluster, the costly ones first; gives their names.

    Args:
        root: the output folder.
        stopped: a file of the output folder; once it is there, units that are not begun are left.
    """

    def __init__(self, units: Sequence[Unit], root: str, stopped: str) -> None:
        super().__init__()
        self._units = units
        self._do = _DoUnit(root, stopped)

    def expand(self, pipeline: beam.Pipeline) -> beam.PCollection:
        """Reshuffles, or a runner would fuse all units into one bundle."""
        return (
            pipeline
            | "Plan" >> beam.Create(costly_first(self._units), reshuffle=False)
            | "Deal" >> beam.Reshuffle()
            | "Do" >> beam.ParDo(self._do)
        )


def costly_first(units: Sequence[Unit]) -> list[Unit]:
    """The order in which units are done: what takes long is not left for the end, when others have nothing to do."""
    return sorted(units, key=lambda unit: (-unit.cost, unit.name))
