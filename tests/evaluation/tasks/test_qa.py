"""Question answering from its files to its scores, predictions and an exported model."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
import torch

from mlukit.corpus.examples.tokenizer import Tokenizer
from mlukit.evaluation.data.squad_files import Paragraph, Question
from mlukit.evaluation.encoder.text_encoder import TextEncoder
from mlukit.evaluation.evaluate import main
from mlukit.evaluation.fine_tuning.model import task_batch
from mlukit.evaluation.fine_tuning.trained_run import load_trained_run
from mlukit.evaluation.results.run_folder import read_results
from mlukit.evaluation.tasks.qa import TASK
from mlukit.evaluation.tasks.task import TaskData
from mlukit.pretraining.prediction.entity_ids import NamedIds
from tests.evaluation import load_with_transformers
from tests.evaluation.linking.written_articles import write_output
from tests.evaluation.load_in_transformers4 import load_in_transformers4
from tests.evaluation.small_checkpoint import write_mluke
from tests.evaluation.small_questions import words, write_candidates, write_questions
from tests.small_dumps import sentencepiece_model

TESTS = ["xquad-en", "xquad-de", "xquad-zh", "mlqa-en", "mlqa-de", "mlqa-de-es"]
CHANCE = 0.25  # F1 of a word or two words of ten


@pytest.fixture(scope="module")
def questions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_questions(tmp_path_factory.mktemp("questions"))


@pytest.fixture(scope="module")
def candidates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_candidates(tmp_path_factory.mktemp("candidates"))


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    titles = [f"{language}:River" for language in ("en", "de", "zh", "es")]
    return write_mluke(tmp_path_factory.mktemp("checkpoint") / "mluke", words(), titles)


@pytest.fixture(scope="module")
def flags(checkpoint: Path, questions: Path) -> list[str]:
    sets = ["--sets", "xquad,mlqa,mlqa-pairs", "--micro-batch-places", "1024"]
    return ["qa", "--model", str(checkpoint), "--data", str(questions), *sets, "--learning-rate", "5e-3"]


@pytest.fixture(scope="module")
def finished(flags: list[str], candidates: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("finished") / "RUN"
    assert main([*flags, "--candidates", str(candidates), "--output", str(run)]) == 0
    return run


def test_every_test_is_above_chance(finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for result in read_results(finished):
        assert list(result.scores) == ["dev", *TESTS]
        assert all(values["F1"] > 0.7 > CHANCE for values in result.scores.values()), result.scores
    assert main(["score", str(finished)]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2 * (1 + len(TESTS))
    assert main(["table", str(finished), "--metric", "F1 by MLQA"]) == 0
    shown = capsys.readouterr().out
    assert "| mean of xquad-de, xquad-zh, mlqa-de, mlqa-de-es |" in shown


def test_a_prediction_is_a_part_of_the_context(finished: Path, questions: Path) -> None:
    (entities,) = [one for one in read_results(finished) if one.variant == "entities"]
    file = entities.folder / "predictions/xquad-zh.jsonl"
    found = {line["id"]: line for line in map(json.loads, file.read_text().splitlines())}
    data = json.loads((questions / "xquad/xquad.zh.json").read_bytes())["data"]
    paragraphs = [one for article in data for one in article["paragraphs"]]
    assert len(found) == len(paragraphs) == 24
    assert all(found[one["qas"][0]["id"]]["answer"] in one["context"] for one in paragraphs)
    assert set(found["xquad.zh-0-0"]) == {"id", "answer", "score"}


def test_official_forms_of_predictions_are_scored(
    questions: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = json.loads((questions / "mlqa/test-context-de-question-es.json").read_bytes())["data"]
    right = {one["qas"][0]["id"]: one["qas"][0]["answers"][0]["text"] for part in data for one in part["paragraphs"]}
    first, second, *_ = right
    predictions = {**right, first: "", second: f"Die {right[second]}!"}
    predictions.pop(list(right)[2])
    file = tmp_path / "answers.json"
    arguments = ["score", "qa", "--data", str(questions), "--predictions", str(file)]
    file.write_text(json.dumps(predictions))
    assert main([*arguments, "--test", "mlqa-de-es"]) == 0
    assert capsys.readouterr().out.startswith("mlqa-de-es: F1 0.9167, exact match 0.9167")
    file.write_text(json.dumps({**predictions, second: 3}))
    assert main([*arguments, "--test", "mlqa-de-es"]) == 2
    assert 'is not like {"id of a question": "answer"}' in capsys.readouterr().err
    file.write_text("{")
    assert main([*arguments, "--test", "xquad-de"]) == 2
    assert "answers.json is not JSON" in capsys.readouterr().err


def test_predictions_on_ones_own_text(
    finished: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    line = {"question": "which river", "context": "w1 w2 river3 w4.", "id": "a", "language": "de"}
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(line)))
    assert main(["predict", str(finished), "-", "--variant", "words"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["id"] == "a" and "river3" in found["answer"]
    monkeypatch.setattr("sys.stdin", io.StringIO('{"question": "which river"}'))
    assert main(["predict", str(finished), "-"]) == 2
    assert 'line 1 is not like {"question": "Who founded Acme?"' in capsys.readouterr().err


@pytest.fixture(scope="module")
def exported(finished: Path) -> dict[str, Path]:
    folders = {variant: finished.with_name(f"exported-{variant}") for variant in ("words", "entities")}
    for variant, folder in folders.items():
        assert main(["export", str(finished), "--variant", variant, "--output", str(folder)]) == 0
    return folders


@pytest.mark.parametrize(("variant", "version"), [("words", 5), ("entities", 5), ("entities", 4)])
def test_transformers_gives_the_same_logits(
    variant: str, version: int, exported: dict[str, Path], finished: Path, tmp_path: Path
) -> None:
    asked, logits = inputs_and_logits(finished, variant)
    folder = exported[variant]
    if version == 5:
        found = load_with_transformers.load(str(folder), asked)
    else:
        found = load_in_transformers4(folder, asked, tmp_path)
    assert found["version"].startswith(f"{version}.") and found["missing"] == []
    torch.testing.assert_close(found["logits"], logits, rtol=1e-4, atol=1e-5)


def inputs_and_logits(run: Path, variant: str) -> tuple[list[dict[str, Any]], list[list[list[float]]]]:
    """An input with entities in E, and ours: tokens x 2."""
    trained = load_trained_run(run, variant, device="cpu")
    line = {"question": "which river", "context": "w1 w2 river0 w4 river0.", "language": "de"}
    (one,) = trained.task.inputs(trained.data, trained.task.example_of_text(line, 1), "words", trained.encoder.texts)
    token_ids, entity_ids, spans = one.token_ids, [], []
    if variant == "entities":
        places = [number for number, token in enumerate(token_ids) if token == token_ids[7]]
        (row,) = trained.encoder.texts.find_entities(["de:River"])
        entity_ids, spans = [row] * len(places), [(place, place + 1) for place in places]
    asked = type(one)(token_ids, entity_ids, spans, one.rows, one.targets, one.details)
    with torch.no_grad():
        logits = trained.model(task_batch([asked], trained.model.encoder)).double().tolist()
    return [{"token_ids": token_ids, "entity_ids": entity_ids, "spans": spans}], [logits]


@pytest.mark.parametrize("variant", ["words", "entities"])
def test_an_exported_model_is_tested_without_training_and_scores_the_same(
    variant: str, exported: dict[str, Path], finished: Path, questions: Path, candidates: Path, tmp_path: Path
) -> None:
    flags = ["--data", str(questions), "--sets", "all", "--candidates", str(candidates), "--variant", variant]
    assert main(["qa", "--model", str(exported[variant]), *flags, "--output", str(tmp_path / "RUN")]) == 0
    (found,) = read_results(tmp_path / "RUN")
    (trained,) = [one for one in read_results(finished) if one.variant == variant]
    assert (found.variant, found.scores) == (variant, trained.scores)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ([], "--variant entities needs --entities OUT, an output of mlukit build, or --candidates DIR"),
        (["--entities", ".", "--candidates", "."], "or --candidates DIR, not both"),
        (["--candidates", "nowhere"], "nowhere has no squad/train-dev-v1.1.json: a file like"),
        (["--entities", "nowhere"], "there is no folder"),
        (["--training", "squad2"], "--training squad2: accepted are squad, xquad, none"),
        (["--training", "xquad"], "it has 4 articles; --training xquad needs more than 40"),
        (["--sets", "xquad,nlqa"], "--sets xquad,nlqa: accepted are xquad, mlqa, mlqa-pairs"),
    ],
)
def test_flags_that_are_refused_before_work_starts(
    more: list[str], said: str, flags: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*flags, *more, "--output", str(tmp_path / "RUN")]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "RUN").exists()


def test_entities_of_an_output(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Question and context have the names of their own language; the words are the same without entities."""
    paragraph = Paragraph("Berlin Wall and Spree.", "en", "Berlin", "en")
    options = {"entities": str(write_output(tmp_path)), "candidates": "", "training": "squad"}
    question = Question("a", "Wo ist Berlin? Spree?", "de", paragraph, ("Spree",), 16)
    data = TaskData(tests={"mlqa-en-de": [question]}, options=options)
    prepared = TASK.prepare(data, ["words", "entities"])
    assert f"--entities {tmp_path} has 1 of 1 article; the linker reads" in capsys.readouterr().err
    tokenizer = Tokenizer.load(sentencepiece_model([*"▁BerlinWadSpow?.st", "▁Berlin", "▁Spree"]))
    texts = TextEncoder(tokenizer, NamedIds({"Q64": 11, "Q1585": 12}), 64, 0, 2, 0, 0, 0, 2, 3, 1)
    (words,) = TASK.inputs(prepared, question, "words", texts)
    (entities,) = TASK.inputs(prepared, question, "entities", texts)
    assert (words.token_ids, list(words.entity_ids)) == (entities.token_ids, [])
    pieces = tokenizer.pieces(entities.token_ids)
    found = [
        (row, "".join(pieces[start:end])) for row, (start, end) in zip(entities.entity_ids, entities.spans, strict=True)
    ]
    assert found == [(11, "▁Berlin"), (12, "▁Spree"), (12, "▁Spree")]  # the vocabulary does not have the wall
    assert TASK.summary(prepared, "entities", [[entities]]).startswith("2.00 entities a question, 1.00 a window")
    assert [pieces[place] for place in entities.targets] == ["▁Spree", "▁Spree"]
