"""How commands end: one line for each error, and an exit status."""

from collections.abc import Callable

import pytest

from mlukit.corpus.dumps.files import DumpError
from mlukit.engine.errors import RefusedError, RunError
from mlukit.pipelines.command import exit_status
from mlukit.pipelines.settings import SettingsError


def raising(error: BaseException) -> Callable[[], int]:
    def work() -> int:
        raise error

    return work


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (SettingsError("--number is 0"), 2),
        (DumpError("no dump"), 2),
        (RefusedError("found within the pipeline"), 2),
        (RunError("a task failed"), 1),
        (FileNotFoundError("no file"), 1),
    ],
)
def test_an_error_is_one_line_and_a_status(error: Exception, status: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_status("link", raising(error)) == status
    assert capsys.readouterr() == ("", f"mlukit link: {error}\n")


def test_a_command_may_say_otherwise(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_status("inspect", raising(OSError("no file")), refused=(SettingsError, OSError), failed=()) == 2
    assert exit_status("download", raising(DumpError("no dump")), refused=(), failed=(DumpError,)) == 1
    assert exit_status("verify", raising(KeyboardInterrupt()), after_stop="") == 130
    said = "mlukit inspect: no file\nmlukit download: no dump\n\nmlukit verify: stopped.\n"
    assert capsys.readouterr() == ("", said)


def test_stopped_by_the_user(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_status("link", raising(KeyboardInterrupt())) == 130
    goes_on = "Finished work is kept: run the same command again to continue."
    assert capsys.readouterr() == ("", f"\nmlukit link: stopped. {goes_on}\n")


@pytest.mark.parametrize("error", [BrokenPipeError(), ZeroDivisionError()])
def test_what_is_no_error_of_the_user_s_goes_on_up(error: Exception) -> None:
    with pytest.raises(type(error)):
        exit_status("link", raising(error))


@pytest.mark.parametrize("status", [0, 1])
def test_the_status_of_work_that_was_done(status: int) -> None:
    assert exit_status("verify", lambda: status) == status
