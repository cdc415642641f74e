"""What holds for all tests."""

import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.small_dumps import Ran
from tests.small_wikis import build, write_small_wikis

if TYPE_CHECKING:
    from xdist.remote import Producer
    from xdist.scheduler import LoadGroupScheduling


def pytest_configure() -> None:
    """Has programs that tests start hear Ctrl-C, where a shell runs the tests in the background and ignores it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: "Producer") -> "LoadGroupScheduling":
    """Deals out tests by module, so that what a module builds is built once; an xdist_group stays together."""
    from xdist.scheduler import LoadGroupScheduling

    class LoadModules(LoadGroupScheduling):
        def _split_scope(self, nodeid: str) -> str:
            scope = super()._split_scope(nodeid)
            return nodeid.partition("::")[0] if scope == nodeid else scope

    return LoadModules(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Has the tests of a group begin first where several processes share the tests: it takes the longest."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: item.get_closest_marker("xdist_group") is None)


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
