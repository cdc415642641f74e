"""Retrieval and modularity from their files to their tables, on names that all languages share."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from mlukit.evaluation.data.parallel_data import read_parallel_items
from mlukit.evaluation.encoder.encoder import load_encoder
from mlukit.evaluation.encoder.span_states import span_states
from mlukit.evaluation.evaluate import main
from mlukit.evaluation.results.run_folder import read_results
from tests.evaluation.small_checkpoint import write_mluke, write_xlmr
from tests.evaluation.small_parallel_texts import NAMES, words, write_parallel_texts

VARIANTS = ("words", "words with entities", "entities")


@pytest.fixture(scope="module")
def parallel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_parallel_texts(tmp_path_factory.mktemp("parallel"))


@pytest.fixture(scope="module")
def mluke(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_mluke(tmp_path_factory.mktemp("small") / "mluke", words())


@pytest.fixture(scope="module")
def runs(parallel: Path, mluke: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("runs")
    tasks = {"retrieval": ["--methods", "cosine,csls"], "modularity": []}
    for task, flags in tasks.items():
        asked = [task, "--model", str(mluke), "--data", str(parallel), "--output", str(folder / task), *flags]
        assert main(asked) == 0
    return {task: folder / task for task in tasks}


def scores(run: Path) -> dict[str, dict[str, dict[str, float]]]:
    return {result.variant: dict(result.scores) for result in read_results(run)}


def test_names_find_themselves(runs: dict[str, Path]) -> None:
    found = scores(runs["retrieval"])
    assert set(found) == set(VARIANTS)
    for variant in VARIANTS:
        assert set(found[variant]) == {"de-en", "de-ja", "en-de", "en-ja", "ja-de", "ja-en"}
        mean = sum(numbers["accuracy"] for numbers in found[variant].values()) / 6
        assert mean > (4 / NAMES if variant == "entities" else 0.9)
        for numbers in found[variant].values():
            assert numbers["accuracy"] == numbers["accuracy, layer 2"]
            assert numbers["accuracy by CSLS"] >= numbers["accuracy"] - 0.1
    for numbers in found["entities"].values():  # the input is [MASK] and the same place in all sentences
        assert numbers["accuracy, layer 0"] == 1 / NAMES


def test_neighbours_that_are_translations_have_a_negative_modularity(runs: dict[str, Path]) -> None:
    found = scores(runs["modularity"])
    numbers = found["words"]["all"]
    assert numbers["modularity, k = 3"] == numbers["modularity, k = 3, layer 2"] < 0.2
    assert numbers["modularity, k = 3, layer 0"] < 0 and numbers["Newman's modularity, k = 3, layer 0"] < 0
    assert len(numbers) == 4 + 3 * 4


@pytest.mark.parametrize("task", ["retrieval", "modularity"])
def test_scores_again_without_torch(task: str, runs: dict[str, Path], tmp_path: Path) -> None:
    run = shutil.copytree(runs[task], tmp_path / "RUN")
    before = scores(run)
    for file in run.rglob("result.json"):
        file.write_text(json.dumps({**json.loads(file.read_text()), "scores": {}}))
    program = (
        "import sys\nfor name in ('torch', 'safetensors', 'transformers'): sys.modules[name] = None\n"
        "from mlukit.evaluation.evaluate import main\nsys.exit(main(sys.argv[1:]))"
    )
    done = subprocess.run([sys.executable, "-c", program, "score", run], capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    assert scores(run) == before


def test_layers_as_a_table_and_as_a_plot(runs: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["table", str(runs["retrieval"]), "--layers"]) == 0
    table = capsys.readouterr().out
    assert (
        "**retrieval by layer: accuracy, in %**" in table
        and "| layer | words | words with entities | entities |" in table
    )
    assert [line.split("|")[1].strip() for line in table.splitlines() if line.startswith("| ")][2:] == ["0", "1", "2"]
    flags = ["--metric", "modularity, k = 10", "--layers", "--format", "svg"]
    assert main(["table", str(runs["modularity"]), *flags]) == 0
    drawn = capsys.readouterr().out
    assert drawn.count("<polyline") == 3 and "%" not in drawn
    assert main(["table", str(runs["retrieval"])]) == 0
    assert "mean of de-en, de-ja, en-de, en-ja, ja-de, ja-en" in capsys.readouterr().out


def test_a_sample_of_items_and_some_of_the_pairs(parallel: Path, mluke: Path, tmp_path: Path) -> None:
    flags = ["--variant", "words", "--tests", "de-en", "--test-limit", "5"]
    asked = ["retrieval", "--model", str(mluke), "--data", str(parallel), "--output", str(tmp_path / "RUN"), *flags]
    assert main(asked) == 0
    lines = (tmp_path / "RUN/words/predictions/de-en.jsonl").read_text().splitlines()
    assert [json.loads(line)["cosine"][0] for line in lines] == list(range(5))


def test_a_model_without_entities_has_words_alone(
    parallel: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    xlmr = write_xlmr(tmp_path / "xlmr", words())
    asked = ["retrieval", "--model", str(xlmr), "--data", str(parallel), "--output", str(tmp_path / "RUN")]
    assert main(asked) == 2
    assert "has no entity representations" in capsys.readouterr().err
    assert main([*asked, "--variant", "words"]) == 0
    assert main([*asked, "--variant", "words", "--methods", "nearest"]) == 2
    assert "--methods 'nearest' is not one of cosine, csls" in capsys.readouterr().err


def test_states_are_those_of_the_model(parallel: Path, mluke: Path) -> None:
    encoder, found = load_encoder(mluke), read_parallel_items(parallel, ["en", "de"])
    rows = {("en", "3 name"): 0, ("de", "3 name"): 1}
    (text,) = [text for text in found.texts if text.language == "en" and "3 name" in text.spans]
    span = text.spans["3 name"]
    plain, (with_entity,) = encoder.loaded.embed([text.text]), encoder.loaded.embed([text.text], [[span]])
    expected = {
        "words": plain[0].words[3],
        "words with entities": with_entity.words[3],
        "entities": with_entity.entities[0],
    }
    for representation, state in expected.items():
        with span_states(encoder, found.texts, rows, representation) as states:
            torch.testing.assert_close(torch.from_numpy(np.array(states[-1, 0])), state)


def test_a_long_text_gives_a_part_around_each_span(
    mluke: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    filling = " ".join(["en0"] * 80)
    texts = {"en": f"name1 {filling} name2 en1 en2", "de": "name1 name2"}
    lines = []
    for language, text in texts.items():
        spans = {name: [text.index(name), text.index(name) + 5] for name in ("name1", "name2")}
        lines.append(json.dumps({"id": "x", "language": language, "text": text, "spans": spans}))
    (tmp_path / "long.jsonl").write_text("\n".join(lines))
    encoder, found = load_encoder(mluke), read_parallel_items(tmp_path)
    rows = {pair: row for row, pair in enumerate((code, name) for code in found.languages for name in found.names)}
    with span_states(encoder, found.texts, rows, "words") as states:
        of_english = np.array(states[:, 2:])
    assert "1 text longer than 64 tokens" in capsys.readouterr().err
    parts = [" ".join(["name1", *["en0"] * 61]), " ".join([*["en0"] * 59, "name2 en1 en2"])]
    first, last = encoder.loaded.embed(parts)
    torch.testing.assert_close(torch.from_numpy(of_english[-1]), torch.stack([first.words[1], last.words[60]]))
