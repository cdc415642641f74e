"""The lease on an output on an object store."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from threading import Barrier, Thread

import psutil
import pytest

from mlukit.engine import lease as module
from mlukit.engine.errors import RunError
from mlukit.engine.lease import LEASES, Holder, InUseError, Lease
from mlukit.engine.storage import Storage
from tests.memory_files import MemoryFiles

ELSEWHERE = replace(Holder.this_process(), owner="ada", host="engine", pid=1843, place="of another machine")
PLACE = f"memory://out/{LEASES}/"


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[Storage]:
    monkeypatch.setattr(MemoryFiles, "files", {})
    monkeypatch.setattr(MemoryFiles, "times", {})
    monkeypatch.setattr(module, "_WAIT", (0.0, 0.05))
    yield Storage("memory://out")


@pytest.fixture
def lease(store: Storage) -> Iterator[Callable[[float], Lease]]:
    made = []

    def make(seconds: float = 60) -> Lease:
        made.append(Lease(store, seconds))
        return made[-1]

    yield make
    for one in made:
        one.release()


def put(holder: Holder, age: float) -> str:
    """Another run's lease, renewed some seconds ago."""
    path = f"{PLACE}{holder.pid}.json"
    MemoryFiles.files[path] = json.dumps({**asdict(holder), "renewed": ""}).encode()
    MemoryFiles.times[path] = time.time() - age
    return path


Make = Callable[..., Lease]


def test_it_says_who_has_it_and_is_gone_when_it_is_given_back(lease: Make) -> None:
    mine = lease()
    mine.take()
    mine.check()
    (content,) = MemoryFiles.files.values()
    process = psutil.Process()
    said = json.loads(content)
    assert (said["owner"], said["pid"], said["born"]) == (process.username(), process.pid, process.create_time())
    assert sorted(said) == ["born", "host", "owner", "pid", "place", "renewed", "started"]
    mine.release()
    assert MemoryFiles.files == {}


def test_of_two_runs_the_second_is_refused(lease: Make) -> None:
    mine, other = lease(), lease()
    mine.take()
    with pytest.raises(InUseError):
        other.take()
    assert len(MemoryFiles.files) == 1
    mine.check()
    mine.release()
    other.take()


def test_the_refusal_names_the_holder_and_when_its_lease_ends(lease: Make) -> None:
    put(replace(ELSEWHERE, started="2026-11-24T13:00:00Z"), age=20)
    with pytest.raises(InUseError) as refused:
        lease().take()
    ends = time.strftime("%Y-%m-%dT%H:%M", time.gmtime(time.time() + 40))
    said = str(refused.value)
    who = "ada on engine, process 1843, since 2026-11-24T13:00:00Z"
    assert said.startswith(f" ({who}; if that run has died, its lease ends at ")
    assert ends in said and said.endswith("Z, in 40 seconds)")


def test_one_that_has_expired_is_taken_away(lease: Make) -> None:
    path = put(ELSEWHERE, age=61)
    lease().take()
    assert path not in MemoryFiles.files


@pytest.mark.parametrize("pid", [psutil.Process().pid, 2**22 + 1], ids=["this_process", "none"])
def test_that_of_a_dead_process_of_this_machine_is_not_waited_for(lease: Make, pid: int) -> None:
    path = put(replace(Holder.this_process(), pid=pid, born=1.0), age=0)
    lease().take()
    assert path not in MemoryFiles.files


def test_one_that_cannot_be_read_holds_until_it_expires(lease: Make) -> None:
    MemoryFiles.files[f"{PLACE}x.json"], MemoryFiles.times[f"{PLACE}x.json"] = b"{}", time.time()
    with pytest.raises(InUseError, match=r"^ \(if that run has died, its lease ends at "):
        lease().take()
    MemoryFiles.times[f"{PLACE}x.json"] -= 61
    lease().take()


def test_it_is_renewed(lease: Make, store: Storage) -> None:
    mine = lease(0.4)
    mine.take()
    first = max(MemoryFiles.times.values())
    time.sleep(1)
    assert max(MemoryFiles.times.values()) - first > 0.5
    mine.check()
    with pytest.raises(InUseError):
        lease(0.4).take()


def wait_for_loss(mine: Lease) -> str:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            mine.check()
        except RunError as error:
            return str(error)
        time.sleep(0.01)
    raise AssertionError("it was never lost")


def test_a_run_whose_lease_was_taken_over_stops(lease: Make) -> None:
    mine = lease(0.4)
    mine.take()
    MemoryFiles.files.clear()  # what the other does that takes it for expired
    put(ELSEWHERE, age=0)
    assert wait_for_loss(mine) == (
        "the lease on memory://out was taken over by another run. This run stops, because another run may have begun. "
        "Finished work is kept: run the same command again to continue."
    )
    mine.release()
    assert len(MemoryFiles.files) == 1  # the other's


def test_a_run_that_slept_through_its_lease_finds_the_other(lease: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = lease(60)
    mine.take()
    put(ELSEWHERE, age=0)
    now = time.monotonic() + 1000
    monkeypatch.setattr(module, "_clock", lambda: now)
    mine._renewed -= 1000
    mine._renew()
    assert "was taken over by another run (ada on engine, process 1843" in wait_for_loss(mine)


def test_a_lease_that_cannot_be_renewed_is_lost(lease: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = lease(0.4)
    mine.take()

    def fail(self: Storage, prefix: str, limit: int | None = None) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr(Storage, "objects", fail)
    assert wait_for_loss(mine).startswith(
        "the lease on memory://out could not be renewed for 0 seconds: no route to host. This run stops"
    )


def test_of_many_that_start_at_once_one_has_it_at_most(lease: Make) -> None:
    for _ in range(20):
        leases, start, held = [lease() for _ in range(5)], Barrier(5), []

        def take(one: Lease, start: Barrier = start, held: list[Lease] = held) -> None:
            start.wait()
            try:
                one.take()
                held.append(one)
            except InUseError:
                pass

        threads = [Thread(target=take, args=(one,)) for one in leases]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(held) <= 1
        for one in held:
            one.release()
        assert MemoryFiles.files == {}
