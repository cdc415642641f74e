"""Units that the workers of one machine share."""

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest

from pipelines.launch import run_units
from schemas.manifest import Receipt
from transforms.do_units import Unit
from transforms.monitor import Monitor
from transforms.share_units import _take
from transforms.storage import Storage


@dataclass(frozen=True)
class Work(Unit):
    """Takes as many hundredths of a second as it costs; says who did it."""

    phase: ClassVar[str] = "work"

    def run(self, storage: Storage, monitor: Monitor) -> Receipt:
        time.sleep(self.cost / 100)
        return Receipt(self.name, facts={"process": str(os.getpid()), "begun": str(time.time())})


def do(units: list[Work], root: Path, *flags: str) -> list[dict[str, str]]:
    """What each unit's receipt says."""
    run_units(units, str(root), flags, lambda reports: None)
    return [Receipt.from_json(Storage(str(root)).read_json(unit.receipt_path)).facts for unit in units]


def test_a_number_is_taken_once(tmp_path: Path) -> None:
    assert [_take(tmp_path) for _ in range(3)] == [0, 1, 2]


def test_who_has_nothing_to_do_takes_the_next_unit(tmp_path: Path) -> None:
    units = [Work("en", 0, 300), *(Work("en", number, 10) for number in range(1, 9))]
    facts = do(units, tmp_path, "--direct_running_mode=multi_processing", "--direct_num_workers=2")
    busy = facts[0]["process"]
    others = [fact["process"] for fact in facts[1:]]
    assert busy not in others and len(set(others)) == 1  # dealt out beforehand, four would have waited for the long one


@pytest.mark.parametrize("mode", ["in_memory", "multi_processing"])
def test_the_costly_ones_come_first(tmp_path: Path, mode: str) -> None:
    units = [Work("en", number, cost) for number, cost in ((2, 1), (3, 8), (4, 4), (5, 8))]
    facts = do(units, tmp_path, f"--direct_running_mode={mode}", "--direct_num_workers=1")
    begun = {float(fact["begun"]): unit.number for unit, fact in zip(units, facts, strict=True)}
    assert [begun[at] for at in sorted(begun)] == [3, 5, 4, 2]
