"""Sentence retrieval from Tatoeba's files to the scores."""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from mlukit.evaluation.data.translated_sentences import read_translations
from mlukit.evaluation.evaluate import main
from mlukit.evaluation.results.run_folder import read_results
from mlukit.evaluation.tasks.table import load_task
from mlukit.pretraining.prediction.load_model import load_model
from tests.evaluation.small_checkpoint import write_mluke
from tests.evaluation.small_parallel_texts import lines, words

GERMAN = [line["text"] for line in lines() if line["language"] == "de"]
ENGLISH = [line["text"] for line in lines() if line["language"] == "en"]


@pytest.fixture(scope="module")
def mluke(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_mluke(tmp_path_factory.mktemp("small") / "mluke", words())


@pytest.fixture
def tatoeba(tmp_path: Path) -> Path:
    """Two pairs of files, one of them packed and in a folder of the set; line 3 has no German sentence."""
    write(tmp_path / "deu", "deu", [*GERMAN[:2], "", *GERMAN[2:]], [*ENGLISH[:2], "lost", *ENGLISH[2:]])
    write(tmp_path / "deu/tatoeba", "nld", ENGLISH[:4], ENGLISH[:4], packed=True)
    return tmp_path / "deu"


def write(folder: Path, code: str, sentences: list[str], english: list[str], *, packed: bool = False) -> None:
    folder.mkdir(exist_ok=True)
    for language, texts in ((code, sentences), ("eng", english)):
        content = "".join(f"{text}\n" for text in texts).encode()
        name = f"tatoeba.{code}-eng.{language}"
        (folder / (f"{name}.gz" if packed else name)).write_bytes(gzip.compress(content) if packed else content)


def test_sentences_find_their_translation(mluke: Path, tatoeba: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = tatoeba.parent / "RUN"
    assert main(["tatoeba", "--model", str(mluke), "--data", str(tatoeba), "--output", str(run)]) == 0
    assert "1 row left out: an empty line" in capsys.readouterr().err
    (result,) = read_results(run)
    assert list(result.scores) == ["deu-eng", "eng-deu", "nld-eng", "eng-nld"]
    assert result.scores["nld-eng"] == {"accuracy": 1.0}  # the same sentences
    assert min(result.scores[test]["accuracy"] for test in ("deu-eng", "eng-deu")) > 3 / len(GERMAN)
    german, english = (
        np.array([one.words[1:-1].mean(0).numpy() for one in load_model(mluke).embed(texts)])
        for texts in (GERMAN, ENGLISH)
    )
    german, english = (one / np.linalg.norm(one, axis=1, keepdims=True) for one in (german, english))
    right = (german @ english.T).argmax(axis=1) == np.arange(len(GERMAN))
    assert result.scores["deu-eng"]["accuracy"] == right.mean()
    rows = [json.loads(line) for line in (run / "words/predictions/deu-eng.jsonl").read_text().splitlines()]
    assert [row["id"] for row in rows[:3]] == ["1", "2", "4"]  # numbers of lines
    assert {row["found"] for row in rows} <= {row["id"] for row in rows}
    assert main(["score", str(run)]) == 0


def test_a_sentence_without_a_prediction_is_wrong(tatoeba: Path) -> None:
    task = load_task("tatoeba")
    data = task.read(tatoeba, {"languages": "nld"})
    lines = [{"id": "1", "found": "1"}, {"id": "2", "found": "3"}, {"id": "3"}]
    assert task.score(data, "nld-eng", lines) == {"accuracy": 1 / 4}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("shorter", "it has 1 lines, and tatoeba.deu-eng.deu has"),
        (
            "alone",
            "has no tatoeba.deu-eng.eng, a file of Tatoeba's test set (https://github.com/facebookresearch/LASER",
        ),
        ("encoding", "byte 0 is not utf-8"),
        ("empty", "it has no sentence"),
        ("none", "has no tatoeba.deu-eng.deu, a file of Tatoeba's test set"),
    ],
)
def test_other_files_are_refused(
    change: str, said: str, mluke: Path, tatoeba: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    german, english = (tatoeba / f"tatoeba.deu-eng.{code}" for code in ("deu", "eng"))
    if change == "shorter":
        english.write_text("one\n")
    elif change == "encoding":
        german.write_bytes("Ä".encode("latin-1"))
    elif change == "empty":
        german.write_text("\n")
        english.write_text("\n")
    else:
        english.unlink()
    if change == "none":
        german.unlink()
        for file in (tatoeba / "tatoeba").iterdir():
            file.unlink()
    flags = ["tatoeba", "--model", str(mluke), "--data", str(tatoeba), "--output", str(tatoeba.parent / "RUN")]
    assert main(flags) == 2
    assert said in capsys.readouterr().err


def test_flags_are_checked(mluke: Path, tatoeba: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flags = ["tatoeba", "--model", str(mluke), "--data", str(tatoeba), "--output", str(tatoeba.parent / "RUN")]
    assert main([*flags, "--pooling", "max"]) == 2
    assert "--pooling 'max' is not one of words, sentence" in capsys.readouterr().err
    assert main([*flags, "--languages", "deu,nid"]) == 2
    assert "--languages 'nid'" in (said := capsys.readouterr().err) and "did you mean 'nld'?" in said
    assert [one.language for one in read_translations(tatoeba, ["nld"])] == ["nld"]
