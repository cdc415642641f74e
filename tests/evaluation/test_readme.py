"""The lines of README's section on evaluation, in their order, on small files."""

import shlex
from pathlib import Path

import pytest

from mlukit.command_line import main
from tests.documents import ROOT, code_of, command_lines

SMALLER = {"relx": shlex.split("--learning-rate 5e-3 --epochs 2 --seeds 1 --limit 32 --test-limit 8 --batch-size 16")}


def test_every_line_works(
    checkpoint: Path,
    relations: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("MODEL").symlink_to(checkpoint)
    Path("DIR").symlink_to(relations)
    Path("texts.jsonl").write_text('{"text": "<e1> Ada </e1> founded <e2> Acme </e2>."}\n')
    lines = [
        line for code in code_of(ROOT / "README.md") for line in command_lines(code) if line.words[1:2] == ("evaluate",)
    ]
    assert [line.words[2] for line in lines if line.whole] == ["list", "relx", "table", "predict", "export"]
    for line in lines:
        if line.whole:
            assert main([*line.words[1:], *SMALLER.get(line.words[2], [])]) == 0, line
    out = capsys.readouterr().out
    for shown in ("metric:    macro F1", "| mean of de, es, fr, tr |", '"label": "'):
        assert shown in out
    assert Path("TRANSFORMERS/config.json").is_file()
