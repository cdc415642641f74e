"""Named entities: inputs, decoding, predictions of others, and the whole task on small data."""

import json
import shutil
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mlukit.evaluation.data.official_files import OfficialFileError
from mlukit.evaluation.data.tagged_sentences import UNTAGGED, Entity
from mlukit.evaluation.encoder.encoder import Encoder, load_encoder
from mlukit.evaluation.encoder.inputs import IGNORED
from mlukit.evaluation.errors import EvaluationError, ExampleError
from mlukit.evaluation.evaluate import main
from mlukit.evaluation.fine_tuning.model import task_batch
from mlukit.evaluation.fine_tuning.trained_run import load_trained_run
from mlukit.evaluation.results.run_folder import read_results
from mlukit.evaluation.tasks.ner import TASK, entities_without_overlap
from mlukit.evaluation.tasks.task import ENTITIES, WORDS, TaskData
from tests.evaluation import load_with_transformers
from tests.evaluation.load_in_transformers4 import load_in_transformers4
from tests.evaluation.small_checkpoint import write_mluke
from tests.evaluation.small_entities import with_predictions, words, write_columns, write_conll

OPTIONS = {"train-language": "en", "context": "document", "tag-names": ""}
LABELS = ("O", "LOC", "ORG", "PER")


@pytest.fixture(scope="module")
def conll(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_conll(tmp_path_factory.mktemp("conll"))


@pytest.fixture(scope="module")
def mluke(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_mluke(tmp_path_factory.mktemp("checkpoint") / "mluke", words())


@pytest.fixture(scope="module")
def encoder(mluke: Path) -> Encoder:
    return load_encoder(mluke, device="cpu")


@pytest.fixture(scope="module")
def finished(conll: Path, mluke: Path) -> Path:
    """A RUN of both variants."""
    run = mluke.with_name("RUN")
    flags = ["--model", str(mluke), "--data", str(conll), "--learning-rate", "1e-3", "--epochs", "3"]
    assert main(["ner", *flags, "--output", str(run)]) == 0
    return run


@pytest.fixture(scope="module")
def exported(finished: Path) -> Path:
    folder = finished.with_name("exported")
    assert main(["export", str(finished), "--output", str(folder)]) == 0
    return folder


def read(folder: Path, **options: str) -> TaskData:
    chosen = {**OPTIONS, **{name.replace("_", "-"): value for name, value in options.items()}}
    return replace(TASK.read(folder, chosen), options=chosen)


def test_reads_what_is_there(conll: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = read(conll)
    assert (data.labels, data.faults, list(data.tests)) == (LABELS, {}, ["en", "de"])
    assert [len(data.examples(name)) for name in ("train", "dev", "en", "de")] == [800, 24, 24, 24]
    assert "has no test in es, nl" in capsys.readouterr().err


def test_counts_rows_without_a_tag_and_unknown_types(conll: Path, tmp_path: Path) -> None:
    for file in conll.iterdir():
        (tmp_path / file.name).write_text(file.read_text())
    with (tmp_path / "eng.train").open("a") as out:
        out.write("\nmr\n")
    (tmp_path / "deu.testb").write_text("mr NN B-MISC\n\nmr\n")
    data = read(tmp_path)
    assert len(data.train) == 800
    assert data.faults == {
        "with words without a tag": [
            f"eng.train at line {len((tmp_path / 'eng.train').read_text().splitlines())}",
            "deu.testb at line 3",
        ],
        "with an entity of a type that the training file does not have": ["deu.testb at line 1"],
    }
    assert data.labels == LABELS
    assert data.tests["de"][1].entities == (Entity(0, 1, UNTAGGED),)
    numbers = TASK.score(data, "de", [{"id": one.id, "entities": []} for one in data.tests["de"]])
    assert numbers["recall"] == 0.0


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"context": "page"}, "--context page: accepted are document and sentence"),
        ({"train_language": "es"}, "esp.train"),
    ],
)
def test_wrong_options(conll: Path, options: dict[str, str], problem: str) -> None:
    with pytest.raises(EvaluationError, match=problem):
        read(conll, **options)


@pytest.mark.parametrize("context", ["document", "sentence"])
def test_inputs_of_both_variants(conll: Path, encoder: Encoder, context: str) -> None:
    data, texts = read(conll, context=context), encoder.texts
    for example in data.tests["de"]:
        entities, plain = (TASK.inputs(data, example, variant, texts) for variant in (ENTITIES, WORDS))
        size, whole = len(example.words), sum(map(len, example.document.sentences))
        assert [one.details.tolist() for one in entities] == [one.details.tolist() for one in plain]
        candidates = [tuple(span) for one in entities for span in one.details.tolist()]
        assert candidates == [(a, b) for a in range(size) for b in range(a + 1, min(a + 16, size) + 1)]
        assert len(entities) == -(-len(candidates) // 128)
        assert len(entities[0].token_ids) == (size if context == "sentence" else min(62, whole)) + 2
        labels = {(start, end): data.labels.index(label) for start, end, label in example.entities}
        for one, other in zip(entities, plain, strict=True):
            assert one.entity_ids == [texts.mask] * len(one.details)
            shift = one.spans[0][0] - one.details[0][0]
            assert [(start - shift, end - shift) for start, end in one.spans] == list(map(tuple, one.details.tolist()))
            found = texts.tokenizer.pieces([one.token_ids[place] for place in range(shift, shift + size)])
            assert [piece.removeprefix("▁") for piece in found] == list(example.words)
            assert one.rows[:, :2].tolist() == other.rows.tolist() == [[start, end - 1] for start, end in one.spans]
            assert one.rows[:, 2].tolist() == [len(one.token_ids) + number for number in range(len(one.spans))]
            expected = [labels.get(tuple(span), 0) for span in one.details.tolist()]
            assert one.targets.tolist() == other.targets.tolist() == expected
            assert not other.entity_ids


def test_a_longer_sentence_is_clipped_and_noted(encoder: Encoder) -> None:
    data = TaskData(tests={}, labels=LABELS, options=OPTIONS)
    example = TASK.example_of_text({"words": ["saw"] * 70}, 1)
    example = replace(example, entities=(Entity(0, 17, "PER"), Entity(65, 66, "LOC"), Entity(1, 2, "MISC")))
    inputs = TASK.inputs(data, example, ENTITIES, encoder.texts)
    assert all(len(one.token_ids) == 64 for one in inputs)
    assert max(end for one in inputs for _, end in one.details.tolist()) == 62
    assert [int(one.targets[one.details.tolist().index([1, 2])]) for one in inputs[:1]] == [IGNORED]
    assert TASK.notes(data, example, inputs) == [
        "with an entity that no span of at most 16 pieces covers",
        "longer than the model, without the last words",
    ]
    with pytest.raises(ExampleError, match="without a word that has at most 16 pieces"):
        TASK.inputs(data, TASK.example_of_text({"words": [""]}, 1), WORDS, encoder.texts)


def test_decoding_by_hand() -> None:
    spans = np.array([[0, 1], [0, 2], [1, 2], [1, 3], [3, 4]])
    logits = np.array([[0.0, 3, 1, 0], [0, 0, 9, 0], [0, 8, 0, 0], [0, 2, 0, 0], [5, 4, 0, 0]])
    assert entities_without_overlap(spans, logits, LABELS) == [Entity(0, 2, "ORG")]
    logits[1, 0] = 10
    assert entities_without_overlap(spans, logits, LABELS) == [Entity(0, 1, "LOC"), Entity(1, 2, "LOC")]
    assert entities_without_overlap(np.empty((0, 2), int), np.empty((0, 4)), LABELS) == []


@given(st.integers(1, 9), st.integers(0, 2**32 - 1))
def test_decoding_takes_the_best_and_leaves_nothing_out(size: int, seed: int) -> None:
    spans = np.array([(start, end) for start in range(size) for end in range(start + 1, size + 1)])
    logits = np.random.default_rng(seed).integers(-3, 4, (len(spans), len(LABELS))).astype(float)
    found = entities_without_overlap(spans, logits, LABELS)
    assert all(one.end <= other.start for one, other in pairwise(found))
    chosen = {(one.start, one.end): one.label for one in found}
    for (start, end), row in zip(spans.tolist(), logits, strict=True):
        best = LABELS[row.argmax()]
        if (start, end) in chosen:
            assert chosen[start, end] == best != "O"
        elif best != "O":  # an entity that overlaps it is at least as likely
            rivals = [one for one in found if one.start < end and start < one.end]
            assert max(logits[spans.tolist().index([one.start, one.end])].max() for one in rivals) >= row.max()


def test_published_labels() -> None:
    assert TASK.checkpoint_labels(["NIL", "MISC", "PER"]) == ("O", "MISC", "PER")


@pytest.mark.parametrize("line", [{}, {"text": " "}, {"words": []}, {"words": "Ada"}, {"words": [1]}])
def test_own_texts_of_another_form_are_refused(line: dict[str, Any]) -> None:
    with pytest.raises(EvaluationError, match=r'line 3 is not like \{"text": "Ada lives in London'):
        TASK.example_of_text(line, 3)


def test_predictions_in_conlls_form(conll: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data/deu.testb").write_bytes((conll / "deu.testb").read_bytes())  # no training file is needed
    lines = (conll / "deu.testb").read_text().splitlines()
    tags = [line.split()[-1] for line in lines if line and "-DOCSTART-" not in line]
    file = tmp_path / "predictions"
    command = ["score", "ner", "--data", str(tmp_path / "data"), "--predictions", str(file), "--test", "de"]
    file.write_text(with_predictions(lines, tags))
    assert main(command) == 0
    assert "de: F1 1.0000, precision 1.0000, recall 1.0000" in capsys.readouterr().out
    file.write_text(with_predictions(lines, [tag.replace("PER", "LOC") for tag in tags]))
    assert main(command) == 0
    assert "recall 0." in capsys.readouterr().out
    file.write_text(
        with_predictions([line.replace(" again", " noch") for line in lines], tags).replace("again", "noch")
    )
    assert main(command) == 2
    assert "begins" in capsys.readouterr().err
    file.write_text(with_predictions(lines, tags).rpartition("-DOCSTART-")[0])
    assert main(command) == 2
    assert "it has 20 sentences, where de has 24" in capsys.readouterr().err


def test_the_whole_task_is_above_chance_in_an_unseen_language(conll: Path, finished: Path) -> None:
    for result in read_results(finished):
        assert result.scores["de"]["F1"] > 0.7, result
    assert main(["score", str(finished)]) == 0
    file = next(finished.glob("entities/**/predictions/de.jsonl"))
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    for line, example in zip(lines, read(conll).tests["de"], strict=True):
        assert line["id"] == example.id
        for start, end, _, text in line["entities"]:
            assert " ".join(example.words[start:end]) == text


def test_own_texts(finished: Path) -> None:
    lines = [{"text": "again mr de7 jr"}, {"id": "b", "words": ["firm", "en1", "inc", "saw"]}]
    assert load_trained_run(finished, device="cpu").predict(lines) == [
        {"id": "1", "entities": [[1, 4, "PER", "mr de7 jr"]]},
        {"id": "b", "entities": [[0, 3, "ORG", "firm en1 inc"]]},
    ]


@pytest.mark.parametrize("version", [4, 5])
def test_transformers_gives_the_same_logits(version: int, finished: Path, exported: Path, tmp_path: Path) -> None:
    trained = load_trained_run(finished, device="cpu")
    example = trained.task.example_of_text({"text": "mr de1 de2 jr left again city en1 town"}, 1)
    (one,) = trained.task.inputs(trained.data, example, ENTITIES, trained.encoder.texts)
    with torch.no_grad():
        logits = trained.model(task_batch([one], trained.model.encoder))
    question = {"token_ids": one.token_ids, "entity_ids": one.entity_ids, "spans": one.spans}
    if version == 5:
        found = load_with_transformers.load(str(exported), [question])
    else:
        found = load_in_transformers4(exported, [question], tmp_path)
    assert found["version"].startswith(f"{version}.") and found["missing"] == []
    torch.testing.assert_close(torch.tensor(found["logits"][0]), logits, rtol=1e-4, atol=1e-5)


def test_a_published_checkpoint_is_tested_without_training(
    conll: Path, finished: Path, exported: Path, tmp_path: Path
) -> None:
    config = json.loads((exported / "config.json").read_text())
    published, data = tmp_path / "published", tmp_path / "data"
    shutil.copytree(exported, published)
    names = {**config["id2label"], "0": "NIL"}
    (published / "config.json").write_text(json.dumps({**config, "id2label": names}))
    data.mkdir()
    shutil.copy(conll / "deu.testb", data)
    flags = ["--model", str(published), "--data", str(data), "--train-language", "none"]
    assert main(["ner", *flags, "--output", str(tmp_path / "RUN")]) == 0
    (found,) = read_results(tmp_path / "RUN")
    (trained,) = (one for one in read_results(finished) if one.variant == ENTITIES)
    assert found.scores["de"] == trained.scores["de"]


def test_a_file_for_each_language(mluke: Path, tmp_path: Path) -> None:
    for language in ("en", "de"):
        (tmp_path / language).mkdir()
        write_columns(tmp_path / language / "test", language, 8, border=False)
    data = read(tmp_path, train_language="none")
    assert (list(data.tests), data.labels, data.train) == (["de", "en"], LABELS, ())
    assert all(len(one.document.sentences) == 1 for one in data.tests["de"])
    with pytest.raises(OfficialFileError, match="has no en/train, a file of WikiANN"):
        read(tmp_path)
