"""mLAMA from its files to the scores, with a small model; the scores against ones computed one by one."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from mlukit.evaluation.data.official_files import official_set
from mlukit.evaluation.encoder.encoder import batch_of_inputs, load_encoder
from mlukit.evaluation.encoder.prompts import prompts
from mlukit.evaluation.evaluate import main
from mlukit.evaluation.results.run_folder import read_results
from mlukit.evaluation.tasks.table import load_task
from tests.evaluation.constructed_facts import write_with_heads
from tests.evaluation.small_checkpoint import write_mluke, write_xlmr
from tests.evaluation.small_mlama import words, write_lines, write_mlama

QIDS = ["Q183", "Q64", "Q90"]  # without France


@pytest.fixture(scope="module")
def mluke(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_mluke(tmp_path_factory.mktemp("small") / "mluke", words(), QIDS)
    return write_with_heads(folder)


@pytest.fixture
def mlama(tmp_path: Path) -> Path:
    return write_mlama(tmp_path / "data")


def test_mlama_from_files_to_scores(
    mluke: Path, mlama: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "RUN"
    assert main(["mlama", "--model", str(mluke), "--data", str(mlama), "--output", str(run)]) == 0
    results = {one.variant: one.scores for one in read_results(run)}
    assert list(results["words"]) == ["trex-de", "trex-en"]
    german = results["object"]["trex-de"]
    assert german["questions"] == 5.0 and german["questions, not in the subject"] == 4.0
    assert german["coverage of candidates"] == pytest.approx((2 / 4 + 1 / 2) / 2)  # P36: Berlin and Paris; P17: Germany
    assert german["coverage of objects"] == pytest.approx((3 / 3 + 1 / 2) / 2)
    assert german["P@1 of P17"] == 0.5  # Germany is the only candidate; France is never right
    assert results["words"]["trex-de"]["coverage of objects"] == german["coverage of objects"]
    rows = read_rows(run, "object", "trex-de")
    assert rows["P17 8"] == {
        "id": "P17 8",
        "rank": None,
        "candidates": 2,
        "known_rank": None,
        "known": 1,
        "items": 2,
        "known_subject": True,
        "answer": "Deutschland",
    }
    assert main(["table", str(run), "--metric", "P@1 of P36"]) == 0
    assert "mlama: P@1 of P36" in capsys.readouterr().out
    assert main(["score", str(run)]) == 0
    assert {one.variant: one.scores for one in read_results(run)} == results


def read_rows(run: Path, variant: str, test: str) -> dict[str, dict[str, object]]:
    lines = (run / variant / f"predictions/{test}.jsonl").read_text().splitlines()
    return {row["id"]: row for row in map(json.loads, lines)}


def test_words_are_ranked_by_the_mean_of_their_pieces(mluke: Path, mlama: Path, tmp_path: Path) -> None:
    run = tmp_path / "RUN"
    flags = ["--variant", "words", "--tests", "trex-de", "--output", str(run)]
    assert main(["mlama", "--model", str(mluke), "--data", str(mlama), *flags]) == 0
    rows = read_rows(run, "words", "trex-de")
    encoder = load_encoder(mluke)
    texts, model = encoder.texts, encoder.model
    pieces = {label: texts.tokenizer.encode([label])[0] for label in ("Berlin", "Paris", "Rom", "New York")}
    (prompt,) = prompts(texts.tokenizer, "[Y] ist die Hauptstadt von [X] .", ["Frankreich"])
    scores = {}
    for label, of_label in pieces.items():
        made = prompt.input(texts, len(of_label))
        with torch.inference_mode():
            states = model.encode(batch_of_inputs([made], model.config), torch.from_numpy(made.rows[:, 0]))
            vectors, size = model.word_head(states), model.config.vocabulary_size
            logits = vectors @ model.word_embeddings.words.weight[:size].T + model.word_head.bias[:size]
            chances = logits.log_softmax(-1)
        scores[label] = float(np.mean([chances[place, piece].item() for place, piece in enumerate(of_label)]))
    assert len(pieces["New York"]) == 2
    ranked = sorted(scores, key=scores.__getitem__, reverse=True)
    assert rows["P36 1"]["rank"] == 1 + ranked.index("Paris") and rows["P36 1"]["answer"] == ranked[0]
    known = [label for label in ranked if label in ("Berlin", "Paris")]
    assert rows["P36 1"]["known_rank"] == 1 + known.index("Paris")


def test_an_object_that_is_no_candidate_is_counted_and_wrong(
    mluke: Path, mlama: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [
        {"lineid": 3, "sub_label": "Germany", "obj_label": "Bonn", "obj_uri": "Q586"},
        {"lineid": 4, "sub_label": "France " * 80, "obj_label": "Paris", "obj_uri": "Q90"},
    ]
    write_lines(mlama / "mlama1.1/en/place_of_birth.jsonl", lines)
    run = tmp_path / "RUN"
    flags = ["--part", "googlere", "--languages", "en", "--output", str(run)]
    assert main(["mlama", "--model", str(mluke), "--data", str(mlama), *flags]) == 0
    said = capsys.readouterr().err
    assert "1 row without a right object among the candidates" in said
    assert "en place_of_birth: 1 question longer than the model takes, scored as wrong" in said
    for result in read_results(run):
        assert result.scores["googlere-en"]["MRR"] == 0.0 and result.scores["googlere-en"]["questions"] == 2.0
        assert "P@1, known" not in result.scores["googlere-en"]


def test_a_question_without_a_line_is_wrong(mlama: Path) -> None:
    task = load_task("mlama")
    data = task.read(mlama, {"languages": "en"})
    found = task.score(data, "trex-en", [{"id": "P36 0", "rank": 1, "known_rank": 1}, {"id": "P36 1", "rank": 3}])
    assert (found["P@1"], found["P@5"], found["micro P@1"]) == pytest.approx((1 / 6, 1 / 3, 1 / 5))
    assert found["P@1 of the most frequent object"] == pytest.approx((2 / 3 + 1 / 2) / 2)  # Paris; France


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--part", "squad"], "--part 'squad' is not one of trex, googlere"),
        (["--languages", "fr"], "has no mlama1.1/fr/templates.jsonl, a file of mLAMA 1.1"),
        (["--variant", "subject"], "is not one of words, object, subject and object"),
    ],
)
def test_wrong_flags(
    mluke: Path, mlama: Path, tmp_path: Path, flags: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        status = main(["mlama", "--model", str(mluke), "--data", str(mlama), *flags, "--output", str(tmp_path / "RUN")])
    except SystemExit as stop:
        status = int(str(stop.code))
    assert status == 2 and message in capsys.readouterr().err


def test_a_checkpoint_without_entities_takes_words_alone(
    mlama: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    xlmr = write_xlmr(tmp_path / "xlmr", words())
    assert main(["mlama", "--model", str(xlmr), "--data", str(mlama), "--output", str(tmp_path / "RUN")]) == 2
    assert "--variant words" in capsys.readouterr().err


def test_the_licence_is_said() -> None:
    assert "not for commercial use" in official_set("mlama").licence
