"""Scores without torch, tables in three formats, and what is refused."""

import csv
import io
import json
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from mlukit.evaluation.evaluate import COMMANDS, main, parsers
from mlukit.evaluation.results.choice import best_of_variant, chosen_results
from mlukit.evaluation.results.plot import Series, plot
from mlukit.evaluation.results.run_folder import Result, read_results
from mlukit.evaluation.tasks.table import TASKS, load_task
from tests.evaluation.small_relations import LANGUAGES

RELX = ["relx", "--model", "m", "--output", "o"]
WITHOUT_TORCH = """
import sys
sys.modules["torch"] = sys.modules["safetensors"] = sys.modules["transformers"] = None
from mlukit.command_line import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.parametrize("words", [["list"], ["score", "{}"], ["table", "{}"], ["relx", "--help"], ["--help"]])
def test_these_commands_do_without_torch(words: list[str], finished: Path) -> None:
    arguments = ["evaluate", *(word.format(finished) for word in words)]
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH, *arguments], capture_output=True, text=True, timeout=100
    )
    assert (done.returncode, done.stderr) == (0, "") and done.stdout


def test_scores_follow_the_predictions(finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = shutil.copytree(finished, tmp_path / "RUN")
    (file,) = run.glob("words/*/*/predictions/de.jsonl")
    file.write_text("")
    assert main(["score", str(run)]) == 0
    said = capsys.readouterr()
    assert "the scores have changed" in said.err and "de: macro F1 0.0000, micro F1 0.0000, accuracy 0.0000" in said.out
    (words,) = [one for one in read_results(run) if one.variant == "words"]
    assert words.scores["de"]["accuracy"] == 0


def test_changed_official_files_are_refused(
    finished: Path, relations: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, data = shutil.copytree(finished, tmp_path / "RUN"), shutil.copytree(relations, tmp_path / "data")
    text = (run / "config.json").read_text().replace(str(relations), str(data))
    (run / "config.json").write_text(text)
    (data / "RELX_de.txt").write_text((data / "RELX_de.txt").read_text() + "\n")
    assert main(["score", str(run)]) == 2
    assert "RELX_de.txt has changed since the run has read it" in capsys.readouterr().err


def test_anyones_predictions(relations: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    blocks = (relations / "RELX_fr.txt").read_text().split("\n\n\n")
    right = [(block.split("\t")[0], block.splitlines()[1]) for block in blocks if block.strip()]
    file = tmp_path / "answers.txt"
    file.write_text("\n".join(f"{number}\t{label}" for number, label in right[: len(right) // 2]))
    flags = ["score", "relx", "--data", str(relations), "--predictions", str(file)]
    assert main([*flags, "--test", "fr"]) == 0
    assert "accuracy 0.5000" in capsys.readouterr().out
    assert main([*flags, "--test", "it"]) == 2
    assert "--tests it: relx has the tests en, de, es, fr, tr, kbp37" in capsys.readouterr().err
    assert main(["score", "relx"]) == 2
    assert "--data is missing" in capsys.readouterr().err


def test_markdown(finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["table", str(finished)]) == 0
    out = capsys.readouterr().out
    assert "| test | words | entities | entities - words |" in out
    assert "| mean of de, es, fr, tr |" in out
    for part in ("1 seed, learning rate 0.005", "epochs 6 in place of 5", "1,000 resamples, seed 0"):
        assert part in out


def test_csv(finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["table", str(finished), "--format", "csv", "--metric", "accuracy"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    results = {one.variant: one.scores for one in read_results(finished)}
    for row in rows:
        if row["test"] in LANGUAGES and row["column"] in results:
            assert float(row["mean"]) == results[row["column"]][row["test"]]["accuracy"]
    assert len([row for row in rows if row["p"]]) == 7


def test_html(finished: Path, tmp_path: Path) -> None:
    run = shutil.copytree(finished, tmp_path / "<b> & RUN")
    file = tmp_path / "table.html"
    assert main(["table", str(run), str(finished), "--format", "html", "--output", str(file)]) == 0
    page = file.read_text()
    assert "&lt;b&gt; &amp; RUN: words" in page and "<b> &" not in page and "http://www.w3.org/2000/svg" in page
    assert page.count("src=") == page.count("href=") == 0


def test_plot_is_xml_and_leaves_out_what_is_missing() -> None:
    drawn = plot("a < b", ["x", "y", "z"], {"one": Series([1.0, None, 3.0], [0.5, 0, 0]), "two": Series([2, 2, 2])})
    root = ElementTree.fromstring(drawn)
    assert len(root.findall("{http://www.w3.org/2000/svg}circle")) == 5


@pytest.mark.parametrize(
    ("values", "ticks"),
    [
        ([0.0, 62.4], ["0", "20", "40", "60", "80"]),
        ([-0.2, 0.9], ["-0.2", "0", "0.2", "0.4", "0.6", "0.8", "1"]),
        ([7.0, 7.0], ["7", "7.2"]),
    ],
)
def test_ticks_are_round_numbers(values: list[float], ticks: list[str]) -> None:
    root = ElementTree.fromstring(plot("", ["x"] * len(values), {"one": Series(values)}))
    texts = root.findall("{http://www.w3.org/2000/svg}text")
    assert [one.text for one in texts if one.get("text-anchor") == "end"] == ticks


def result(rate: float, seed: int, dev: float) -> Result:
    return Result(folder=Path(), variant="words", seed=seed, learning_rate=rate, scores={"dev": {"f": dev}})


def test_the_learning_rate_is_chosen_by_the_mean_over_seeds() -> None:
    results = [result(1e-5, 0, 0.5), result(1e-5, 1, 0.5), result(2e-5, 0, 0.9), result(2e-5, 1, 0.0)]
    assert [one.learning_rate for one in chosen_results(results, "f")] == [1e-5, 1e-5]
    assert best_of_variant(results, "f").learning_rate == 2e-5
    assert [one.learning_rate for one in chosen_results([results[0], result(3e-5, 0, 0.5)], "f")] == [1e-5]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["relks"], "unknown task or command 'relks'; did you mean 'relx'?"),
        (["table", "nowhere"], "nowhere is not a RUN of mlukit evaluate"),
        (["table", "{}", "--metric", "F0"], "--metric F0: the runs have accuracy, macro F1, micro F1"),
        (["table", "{}", "--format", "xml"], "'xml' is not one of markdown, csv, html"),
        (["predict", "{}", "nowhere"], "there is no file nowhere"),
        (["export", "{}", "--variant", "wrods", "--output", "DIR"], "--variant wrods: "),
        (["relx", "--model", "m", "--data", "d", "--output", "o", "--variant", "wrods"], "did you mean 'words'?"),
        (
            ["relx", "--model", "m", "--data", "d", "--output", "o", "--learning-rate", "3"],
            "'3' is not a learning rate",
        ),
        (["relx", "--model", "m", "--data", "nowhere", "--output", "o"], "is not a folder, a file of KBP37 (https://"),
    ],
)
def test_what_is_refused(words: list[str], said: str, finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([word.format(finished) for word in words]) == 2
    assert said in capsys.readouterr().err


def test_every_task_and_command_has_a_parser() -> None:
    assert list(parsers()) == [*TASKS, *COMMANDS]


@pytest.mark.parametrize("name", TASKS)
def test_a_task_is_named_as_in_the_table(name: str) -> None:
    assert load_task(name).name == name


def test_rows_without_a_label_are_counted_and_wrong(
    finished: Path, relations: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = shutil.copytree(relations, tmp_path / "data")
    lines = (data / "RELX_de.txt").read_text().splitlines()
    (data / "RELX_de.txt").write_text("\n".join([lines[0], *lines[2:]]))
    (file,) = finished.glob("entities/*/*/predictions/de.jsonl")
    answers = tmp_path / "answers.txt"
    found = map(json.loads, file.read_text().splitlines())
    answers.write_text("".join(f"{line['id']}\t{line['label']}\n" for line in found))
    assert main(["score", "relx", "--data", str(data), "--predictions", str(answers), "--test", "de"]) == 0
    assert "1 row without a relation, scored as wrong: RELX_de.txt line 1" in capsys.readouterr().err
