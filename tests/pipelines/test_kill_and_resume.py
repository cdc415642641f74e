"""The loop of kills, a short one: tools/kill_and_resume.py makes it as long as is asked for."""

from pathlib import Path

import pytest

from tests.small_dumps import IN_MEMORY
from tools.kill_and_resume import differences, kill_and_resume

pytestmark = pytest.mark.timeout(900)


def test_a_build_that_is_killed_three_times_ends_as_an_undisturbed_one(
    dumps: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    model = ("--sentencepiece-model", str(dumps / "tokenizer.model"), "--min-languages", "1", "--link-probability")
    outputs = tmp_path / "outputs"
    outputs.mkdir()
    assert kill_and_resume(["--dumps", str(dumps), *model, IN_MEMORY], outputs, kills=3, seed=5) == []
    assert sorted(path.name for path in outputs.iterdir()) == ["killed", "killed.log", "undisturbed", "undisturbed.log"]
    left = [path.name for path in tmp_path.iterdir() if not path.name.startswith("mlukit-log-build-")]
    assert left == ["outputs"]  # but for logs that errors named, nothing is left of those that were killed


def test_what_differs_is_named() -> None:
    assert differences({"a": "1", "b": "2", "c": "3"}, {"a": "1", "b": "3", "d": "4"}) == [
        "the file differs: b",
        "the file differs: c",
        "the file differs: d",
    ]
