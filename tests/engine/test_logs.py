"""What a command tells its user, on standard error and in a log file."""

import logging
from pathlib import Path

import pytest

from mlukit.engine.logs import complain, explain, is_shown, say, set_up_logs, warn


@pytest.mark.parametrize(
    ("level", "shown"),
    [
        (logging.DEBUG, ["a", "b", "c", "d"]),
        (logging.INFO, ["b", "c", "d"]),
        (logging.WARNING, ["c", "d"]),
    ],
)
def test_levels(level: int, shown: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "log.txt"
    log.write_text("before\n")
    set_up_logs(level, str(log))
    explain("a"), say("b"), warn("c"), complain("d")
    assert capsys.readouterr().err.splitlines() == shown
    before, *lines = log.read_text().splitlines()
    assert before == "before"
    assert [line.split()[2:] for line in lines] == [["DEBUG", "a"], ["INFO", "b"], ["WARNING", "c"], ["ERROR", "d"]]
    assert is_shown(level) and not is_shown(level - 1)
    set_up_logs()
    say("later")
    assert "later" not in log.read_text()
