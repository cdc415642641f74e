"""`mlukit embed`: JSON lines in, Parquet out."""

import io
import json
from pathlib import Path
from types import SimpleNamespace

import pyarrow.parquet as pq
import pytest
import torch

from mlukit.pretraining.prediction.embed import main, read_line
from mlukit.pretraining.prediction.load_model import load_model
from mlukit.pretraining.train import main as train
from tests.pretraining.small_dataset import SMALL_RUN
from tests.small_dumps import complaint, run

LINES = [
    {"text": "The Thing07 follows Thing12.", "mentions": [[4, 11, "Q8"], [20, 27]], "id": "first"},
    {"text": "Die Thing01 likes Thing02.", "mentions": [{"start": 4, "end": 11, "entity": "Q999"}]},
    {"text": "The Thing07", "mentions": [[4, 40]]},
    {"text": "The " * 600, "mentions": [[0, 3], [2200, 2203]], "id": 7},
]


@pytest.fixture(scope="module")
def trained(small_dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "run"
    assert train(["--examples", str(small_dataset), "--output", str(folder), *SMALL_RUN, "--steps", "4"]) == 0
    return folder


def test_a_row_for_each_line(trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, output = tmp_path / "texts.jsonl", tmp_path / "states.parquet"
    file.write_text("\n".join([*map(json.dumps, LINES), "not JSON", '{"title": 1}']) + "\n")
    flags = ["--states", "words,sentence,entities"]
    assert main([str(trained), str(file), "--output", str(output), *flags]) == 0
    told = capsys.readouterr().err.splitlines()[-1]
    assert told == (
        f"mlukit embed: {output} has 6 texts; 3 texts could not be read (column `failure`); 1 text longer than the "
        "model takes, without the end (column `cut`); 1 text with entities that the vocabulary does not have (column "
        "`unknown`)"
    )
    table = pq.read_table(output)
    assert table.column_names == [
        "id",
        "sentence",
        "pieces",
        "words",
        "mentions",
        "entities",
        "unknown",
        "cut",
        "failure",
    ]
    rows = table.to_pylist()
    assert [row["id"] for row in rows] == ["first", "2", "3", "7", "5", "6"]
    assert [row["failure"] for row in rows] == [
        None,
        None,
        "'The Thing07' has no mention from 4 to 40: it has the code points 0 to 11, and a mention ends after its start",
        None,
        "line 5 is not JSON: Expecting value: line 1 column 1 (char 0)",
        'line 6 is not an object with a "text"',
    ]
    assert [row["mentions"] for row in rows] == [[0, 1], [0], None, [0], None, None]
    assert [row["unknown"] for row in rows] == [[], [0], None, [], None, None]
    assert [row["cut"] for row in rows] == [False, False, None, True, None, None]
    (states,) = load_model(trained).embed([str(LINES[0]["text"])], [[(4, 11, "Q8"), (20, 27)]])
    for name, expected in (("sentence", states.sentence), ("words", states.words), ("entities", states.entities)):
        torch.testing.assert_close(torch.tensor(rows[0][name]), expected)
    assert rows[0]["pieces"] == states.pieces


def test_standard_input_and_the_default_states(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(b'{"text": "The"}\n')))
    output = tmp_path / "states.parquet"
    assert main([str(trained), "-", "--output", str(output)]) == 0
    assert pq.read_table(output).column_names == ["id", "sentence", "mentions", "entities", "unknown", "cut", "failure"]
    assert [file.name for file in tmp_path.iterdir()] == ["states.parquet"]


def test_what_is_refused(trained: Path, tmp_path: Path) -> None:
    file = tmp_path / "texts.jsonl"
    file.write_text("")
    output = tmp_path / "states.parquet"
    wrong = run("embed", trained, file, "--output", output, "--states", "sentense")
    assert "'sentense' is not one of sentence, words, entities; did you mean 'sentence'?" in complaint(wrong)
    for words, told in (
        ((tmp_path / "none", "--output", output), "there is no file"),
        ((tmp_path, "--output", output), "is a folder: name a file of JSON lines"),
        ((file, "--output", tmp_path), "is a folder: name a Parquet file"),
        ((file, "--output", "."), "--output . is a folder: name a Parquet file"),
        ((file, "--output", tmp_path / "a/b.parquet"), "there is no folder"),
    ):
        assert told in complaint(run("embed", trained, *words))
    assert "there is no folder" in complaint(run("embed", tmp_path / "none", file, "--output", output))
    assert not output.exists()


@pytest.mark.parametrize(
    "mentions", ['"x"', "7", "[[1]]", '[[1, 2, "Q1", "Q2"]]', '[["1", 2]]', "[[1, 2, 3]]", "[{}]", "[[true, 2]]"]
)
def test_mentions_in_another_form(mentions: str) -> None:
    line = read_line(f'{{"text": "The", "mentions": {mentions}}}'.encode(), 4)
    assert line.failure.startswith("line 4: ") and (line.id, line.mentions) == ("4", ())


def test_lines_that_are_no_text() -> None:
    assert read_line(b"\xff\xfe{}", 2).failure == "line 2 is not UTF-8"


def test_a_surrogate_fails_alone(trained: Path, tmp_path: Path) -> None:
    file, output = tmp_path / "texts.jsonl", tmp_path / "states.parquet"
    file.write_text('{"text": "The"}\n{"text": "\\ud800"}\n{"text": "The"}\n')
    assert main([str(trained), str(file), "--output", str(output)]) == 0
    failures = pq.read_table(output)["failure"].to_pylist()
    assert failures[0] is None and failures[2] is None
    assert failures[1].endswith("has the surrogate U+D800 at 0, which is not a character: the text must be valid UTF-8")


def test_closed_standard_input(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", None)
    assert main([str(trained), "-", "--output", str(tmp_path / "s.parquet")]) == 2
