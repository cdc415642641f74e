"""How a command reports errors: one line for what a user can correct, a traceback for a fault of the program."""

from collections.abc import Sequence

import pytest

from mlukit.pretraining.config import ConfigError
from mlukit.pretraining.errors import reports_errors


@reports_errors("fill")
def main(arguments: Sequence[str]) -> int:
    errors = {"setting": ConfigError("steps 0 is not at least 1"), "file": FileNotFoundError(2, "No such file", "x")}
    errors |= {"pipe": BrokenPipeError(), "fault": ValueError("a fault")}
    if arguments:
        raise errors[arguments[0]]
    return 0


@pytest.mark.parametrize(
    ("name", "line"),
    [("setting", "steps 0 is not at least 1"), ("file", "[Errno 2] No such file: 'x'")],
)
def test_an_error_of_the_user_is_one_line(name: str, line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([name]) == 2
    assert capsys.readouterr().err == f"mlukit fill: {line}\n"


@pytest.mark.parametrize(("name", "kind"), [("fault", ValueError), ("pipe", BrokenPipeError)])
def test_other_errors_are_raised(name: str, kind: type[Exception]) -> None:
    with pytest.raises(kind):
        main([name])


def test_no_error() -> None:
    assert main([]) == 0
