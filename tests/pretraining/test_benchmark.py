"""benchmarks/pretraining.py runs from its beginning to its end, and goes on after a failure."""

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import torch

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "pretraining.py"


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    spec = importlib.util.spec_from_file_location("pretraining_benchmark", SCRIPT)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    threads = torch.get_num_threads()
    spec.loader.exec_module(module)
    yield module
    torch.set_num_threads(threads)


def test_smoke(benchmark: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.argv", [str(SCRIPT), "--smoke"])
    monkeypatch.setattr(benchmark.Tuned, "loss", lambda *_: 1 / 0)
    assert benchmark.main() == 1
    lines = [line.split() for line in capsys.readouterr().out.splitlines()[3:]]
    assert [" ".join(line[:2]) for line in lines] == [
        *("attention left", "tests left"),
        *("tiny, mlukit", "tiny, mlukit", "tiny, tuned", "tiny, plain", "tiny, mlukit"),
    ]
    assert lines[4][2:] == ["failed:", "ZeroDivisionError:", "division", "by", "zero"]
    assert [lines[number][2] for number in (2, 3, 5, 6)] == ["2,048", "1,024", "2", "2,048"]
    assert all(float(lines[number][3].replace(",", "")) > 0 for number in (2, 3, 5, 6))


def test_tuned_transformers(benchmark: ModuleType) -> None:
    arguments = benchmark.parse(["--smoke", "--parts", "transformers"])
    assert [benchmark.run_here(step, arguments) for step in benchmark.steps(arguments)] == ["", ""]


def test_without_a_gpu(
    benchmark: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", [str(SCRIPT)])
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert benchmark.main() == 2
    output = capsys.readouterr()
    assert output.out == "" and output.err.startswith("there is no CUDA GPU") and output.err.count("\n") == 1


def test_a_step_that_takes_too_long_is_ended(benchmark: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", [str(SCRIPT), "--smoke"])
    step = benchmark.Step("base", 1, "base", ("ours", "tiny", "1024"))
    assert benchmark.run(step, 0.1) == "not done within 0 s"


def test_deadlines_share_the_time_out(benchmark: ModuleType) -> None:
    chosen = benchmark.steps(benchmark.parse([]))
    assert len(chosen) == 7
    ends = list(benchmark.deadlines(chosen, 480))
    assert ends[0] == pytest.approx(30) and ends[-1] == pytest.approx(480)
    assert sum(step.share for step in chosen) == 480
