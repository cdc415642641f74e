"""Units of work: what they leave behind when they succeed, fail, lose something, or are stopped."""

import json
import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import apache_beam as beam
import pytest
from apache_beam.runners.direct import direct_runner

from schemas.manifest import Flow, Receipt
from transforms.do_units import DoUnits, Unit, do_unit
from transforms.monitor import ABORT, AbortedError, Monitor, UnitError, read_errors, read_reports
from transforms.storage import Storage


@dataclass(frozen=True)
class Count(Unit):
    """Counts to its number; does to that what `spoil` names."""

    phase: ClassVar[str] = "count"
    spoil: str = ""

    def run(self, storage: Storage, monitor: Monitor) -> Receipt:
        monitor.advance(7, pages=2)
        if self.spoil == "error":
            raise KeyError("no such thing")
        lost = 1 if self.spoil == "lose" else 0
        flow = Flow(self.number, self.number - 2, Counter(broken=1), Counter(empty=1 - lost))
        return Receipt(self.name, flows={"things": flow}, counts={"things": self.number}, facts={"is": "done"})


def receipt_of(storage: Storage, unit: Unit) -> object:
    return json.loads(Path(storage.path(unit.receipt_path)).read_bytes())


def test_names_sort_as_numbers() -> None:
    unit = Count("zh-yue", 12, 5)
    assert (unit.name, unit.receipt_path) == ("count/zh-yue/00012", "_work/receipts/count/zh-yue/00012.json")


def test_a_unit_leaves_its_receipt(tmp_path: Path) -> None:
    storage, unit = Storage(str(tmp_path / "out")), Count("en", 3, 5)
    receipt = do_unit(unit, storage, None)
    assert receipt_of(storage, unit) == {
        "unit": "count/en/00003",
        "shards": [],
        "flows": {"things": {"in": 3, "out": 1, "failed": {"broken": 1}, "skipped": {"empty": 1}}},
        "counts": {"things": 3},
        "facts": {"is": "done"},
    }
    assert Receipt.from_json(receipt_of(storage, unit)) == receipt  # type: ignore[arg-type]


def test_a_unit_that_loses_something_is_an_error(tmp_path: Path) -> None:
    storage, unit = Storage(str(tmp_path / "out")), Count("en", 3, 5, "lose")
    with pytest.raises(ValueError, match="count/en/00003: 1 things neither came out nor have a reason"):
        do_unit(unit, storage, None)
    assert not storage.exists(unit.receipt_path)


def test_a_unit_that_fails_tells_the_launcher_and_stops_the_others(tmp_path: Path) -> None:
    storage, folder = Storage(str(tmp_path / "out")), tmp_path / "reports"
    folder.mkdir()
    with pytest.raises(KeyError):
        do_unit(Count("en", 3, 5, "error"), storage, str(folder))
    (error,) = read_errors(folder)
    assert (error.unit, error.kind, error.message) == ("count/en/00003", "KeyError", "'no such thing'")
    assert error.trace.startswith("Traceback (most recent call last):") and "no such thing" in error.trace
    assert (folder / ABORT).exists()
    with pytest.raises(AbortedError, match="count/en/00004: stopped, the run is ending"):
        do_unit(Count("en", 4, 5), storage, str(folder))
    assert [one.unit for one in read_errors(folder)] == ["count/en/00003"]  # to be stopped is no failure
    assert storage.sizes() == {}


def test_a_busy_worker_reports_and_an_idle_one_does_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("transforms.monitor.time.monotonic", lambda: now[0])
    monitor = Monitor(str(tmp_path), "count/en/00001")
    reports: Callable[[], list[tuple[int, str, int, int]]] = lambda: [  # noqa: E731
        (report.pid, report.unit, report.bytes, report.pages) for report in read_reports(tmp_path)
    ]
    assert reports() == [(os.getpid(), "count/en/00001", 0, 0)]
    monitor.advance(10, pages=1)  # too soon for another report
    monitor.advance(pages=1)
    assert reports()[0][2:] == (0, 0)
    now[0] += 0.6
    monitor.advance(20, pages=1)
    assert reports()[0][2:] == (20, 3)
    monitor.finish()
    monitor.finish()
    assert reports() == []


def test_reports_of_several_workers_are_read(tmp_path: Path) -> None:
    (tmp_path / "worker-12.json").write_text('{"unit": "a", "bytes": 1, "pages": 2}')
    (tmp_path / "worker-7.json").write_text('{"unit": "b", "bytes": 3, "pages": 4}')
    (tmp_path / "worker-9.tmp").write_text("{")
    (tmp_path / "error-7.json").write_text('{"unit": "b", "kind": "E", "message": "m", "trace": "t"}')
    assert {(report.pid, report.unit) for report in read_reports(tmp_path)} == {(12, "a"), (7, "b")}
    assert read_errors(tmp_path) == [UnitError("b", "E", "m", "t")]


def test_all_units_are_done_the_costly_ones_first(tmp_path: Path) -> None:
    units = [Count("en", number, cost) for number, cost in ((2, 1), (3, 100), (4, 10), (5, 100))]
    transform = DoUnits(units, str(tmp_path), "_work/stopped")
    pipeline = beam.Pipeline(runner=direct_runner.BundleBasedDirectRunner())
    created: list[Unit] = []
    pipeline | transform
    pipeline.visit(_Creates(created))
    assert [unit.number for unit in created] == [3, 5, 4, 2]
    pipeline.run().wait_until_finish()
    assert all(Storage(str(tmp_path)).exists(unit.receipt_path) for unit in units)


class _Creates(beam.pipeline.PipelineVisitor):
    def __init__(self, found: list[Unit]) -> None:
        self._found = found

    def visit_transform(self, node: beam.pipeline.AppliedPTransform) -> None:
        if isinstance(node.transform, beam.Create):
            self._found += node.transform.values

    enter_composite_transform = visit_transform
