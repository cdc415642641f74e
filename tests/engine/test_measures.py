"""What tasks took: each CPU second once."""

import subprocess
import sys
import time

import pytest

from mlukit.engine.measures import Measures, add_up, measuring


def use_cpu(seconds: float) -> None:
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


def test_cpu_seconds_of_the_process_and_its_children() -> None:
    with measuring() as measure:
        use_cpu(0.2)
    assert 0.2 <= measure.cpu_seconds < 0.4
    assert 10 << 20 < measure.peak_bytes < 100 << 30
    with measuring() as measure:
        busy = "import time\nwhile time.process_time() < 0.3: pass"
        subprocess.run([sys.executable, "-S", "-c", busy], check=True)
    assert 0.3 <= measure.cpu_seconds < 1
    with measuring() as measure:
        time.sleep(0.05)
    assert measure.cpu_seconds < 0.05


def test_a_task_that_fails_is_measured_too() -> None:
    with pytest.raises(ZeroDivisionError), measuring() as failed:
        use_cpu(0.1)
        raise ZeroDivisionError
    use_cpu(0.1)  # of no task
    with measuring() as measure:
        pass
    assert failed.cpu_seconds >= 0.1 > measure.cpu_seconds


def test_each_second_counts_once_where_a_process_does_several_tasks() -> None:
    start = time.process_time()
    with measuring() as outer:
        use_cpu(0.1)
        with measuring() as inner:
            use_cpu(0.1)
        use_cpu(0.1)
    assert inner.cpu_seconds >= 0.2  # what both have used until it ended
    assert 0.3 <= outer.cpu_seconds + inner.cpu_seconds <= time.process_time() - start + 0.05


def test_steps_add_up() -> None:
    steps = [Measures(2, 1, 3.0, 4.5, 100, 10, 7 << 20), Measures(1, 0, 2.0, 1.25, 50, 5, 9 << 20)]
    assert add_up(steps, 6.0004) == Measures(3, 1, 6.0004, 5.75, 150, 15, 9 << 20)
    assert add_up([], 0.5) == Measures(wall_seconds=0.5)
    assert add_up(steps, 6.0004).to_json()["wall_seconds"] == 6.0
