"""What holds for all tests."""

import shutil
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.small_dumps import IN_MEMORY, Ran, run
from tests.small_wikis import build, write_small_wikis

if TYPE_CHECKING:
    from xdist.remote import Producer
    from xdist.scheduler import LoadScopeScheduling

# Tests that start many processes, kill some, or wait for what others do: they run one after the other.
CROWDED = (
    "tests/engine/launch/test_run_pipeline.py",
    "tests/engine/test_task_transform.py",
    "tests/pipelines/test_flink.py",
    "tests/pipelines/test_kill_and_resume.py",
    "tests/pipelines/test_resume.py::test_a_worker_that_is_killed_is_named_and_the_run_goes_on",
    "tests/pipelines/test_s3.py::test_two_workers_fetch_the_indexes_once_also_after_one_was_killed_meanwhile",
    "tests/pretraining/training/test_distributed.py",
    "tests/test_package.py::test_records_keep_their_class_and_their_tuples_through_a_shuffle",
    "tests/test_sample_build.py",
    "tests/transforms/elements/test_in_processes.py",
)


def pytest_configure() -> None:
    """Has programs that tests start hear Ctrl-C, where a shell runs the tests in the background and ignores it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: "Producer") -> "LoadScopeScheduling":
    """Deals tests out by module, so that what a module builds is built once, and CROWDED to one process.

    The mark xdist_group would say the latter, but it does nothing with pytest 9.2 (pytest-xdist's issue 1386).
    """
    from xdist.scheduler import LoadScopeScheduling

    class LoadModules(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return "crowded" if nodeid.startswith(CROWDED) else nodeid.partition("::")[0]

    return LoadModules(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Has CROWDED begin first where several processes share the tests: together they take the longest."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: not item.nodeid.startswith(CROWDED))


@pytest.fixture(scope="session")
def dumps(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the small wikis; tests copy it before they change anything."""
    folder = tmp_path_factory.mktemp("dumps")
    write_small_wikis(folder)
    return folder


@pytest.fixture(scope="session")
def first_build(dumps: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Ran]:
    """An output folder and what the command said; not to be changed."""
    output = tmp_path_factory.mktemp("built") / "OUT"
    ran = build(dumps, output)
    assert ran.status == 0, ran.err
    return output, ran


@pytest.fixture(scope="session")
def built(first_build: tuple[Path, Ran]) -> Path:
    """The output folder of the small wikis; not to be changed."""
    return first_build[0]


@pytest.fixture(scope="session")
def counted(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output folder of the small wikis with link probabilities; not to be changed."""
    output = Path(shutil.copytree(built, tmp_path_factory.mktemp("counted") / "OUT"))
    ran = run("mentions", output, IN_MEMORY)
    assert ran.status == 0, ran.err
    return output
