"""The model of a finished run: on one's own text, in transformers 4 and 5, and read again as a published checkpoint."""

import io
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from mlukit.evaluation.evaluate import main
from mlukit.evaluation.fine_tuning.model import task_batch
from mlukit.evaluation.fine_tuning.trained_run import load_trained_run
from mlukit.evaluation.results.run_folder import read_results
from tests.evaluation import load_with_transformers
from tests.evaluation.load_in_transformers4 import load_in_transformers4
from tests.evaluation.small_checkpoint import write_xlmr
from tests.evaluation.small_relations import words

MARKED = [
    "<e1> de3 </e1> not leads <e2> de4 </e2> .",
    "<e1> en1 </e1> founded <e2> en9 </e2> near",
    "<e2> fr2 </e2> near <e1> fr5 </e1>",
]
PLAIN = {"text": "en1 founded en9 near", "spans": [[0, 3], [12, 15]]}


@pytest.fixture(scope="module")
def exported(finished: Path) -> Path:
    folder = finished.with_name("exported")
    assert main(["export", str(finished), "--output", str(folder)]) == 0
    return folder


@pytest.fixture(scope="module")
def asked(finished: Path) -> tuple[list[dict[str, Any]], list[list[float]]]:
    """Inputs, and our logits."""
    trained = load_trained_run(finished, device="cpu")
    inputs, logits = [], []
    for number, text in enumerate(MARKED):
        example = trained.task.example_of_text({"text": text}, number)
        (one,) = trained.task.inputs(trained.data, example, trained.variant, trained.encoder.texts)
        inputs.append({"token_ids": one.token_ids, "entity_ids": one.entity_ids, "spans": one.spans})
        with torch.no_grad():
            logits.append(trained.model(task_batch([one], trained.model.encoder))[0].double().tolist())
    return inputs, logits


@pytest.mark.parametrize("version", [4, 5])
def test_transformers_gives_the_same_logits(
    version: int, exported: Path, asked: tuple[list[dict[str, Any]], list[list[float]]], tmp_path: Path
) -> None:
    inputs, logits = asked
    questions = [*inputs, PLAIN]
    if version == 5:
        found = load_with_transformers.load(str(exported), questions)
    else:
        found = load_in_transformers4(exported, questions, tmp_path)
    assert found["version"].startswith(f"{version}.") and found["missing"] == []
    torch.testing.assert_close(torch.tensor(found["logits"][:3]), torch.tensor(logits), rtol=1e-4, atol=1e-5)
    assert found["tokens"][3] == found["tokens"][1]  # its tokenizer marks the entities as ours
    torch.testing.assert_close(torch.tensor(found["logits"][3]), torch.tensor(logits[1]), rtol=1e-4, atol=1e-5)


def test_an_exported_model_is_tested_without_training_and_scores_the_same(
    finished: Path, exported: Path, relations: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "RUN"
    assert main(["relx", "--model", str(exported), "--data", str(relations), "--output", str(run)]) == 0
    assert "has the trained head of LukeForEntityPairClassification: it is tested without" in capsys.readouterr().err
    (found,) = read_results(run)
    (trained,) = [one for one in read_results(finished) if one.variant == "entities"]
    assert (found.variant, found.seed, found.learning_rate) == ("entities", None, None)
    assert found.scores == trained.scores


def test_predictions_on_ones_own_text(
    finished: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [
        json.dumps({"text": MARKED[0], "id": "a"}),
        "",
        json.dumps({"text": " ".join([MARKED[1]] + ["near"] * 80)}),
    ]
    monkeypatch.setattr("sys.stdin", io.StringIO("\n".join(lines)))
    assert main(["predict", str(finished), "-"]) == 0
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert (first["id"], first["label"]) == ("a", "org:top_members(e2,e1)")
    assert second == {"id": "2", "failure": "longer than the 64 tokens that the model takes"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"text": "no marks"}', "line 1 is not like"),
        ("[1]", "line 1 is '[1]'; an object is needed"),
        ("{", "line 1 is not JSON"),
    ],
)
def test_lines_that_are_no_texts(
    text: str, said: str, finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "texts.jsonl").write_text(text)
    assert main(["predict", str(finished), str(tmp_path / "texts.jsonl")]) == 2
    assert said in capsys.readouterr().err


def test_words_have_no_class_in_transformers(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", str(finished), "--variant", "words", "--output", str(tmp_path / "DIR")]) == 2
    assert "transformers has no class with this head; relx can export entities" in capsys.readouterr().err


def test_entities_are_refused_for_xlmr(
    relx_flags: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = write_xlmr(tmp_path / "xlmr", words())
    flags = [*relx_flags, "--model", str(model), "--output", str(tmp_path / "RUN"), "--epochs", "1"]
    assert main([*flags, "--variant", "entities"]) == 2
    assert "xlmr has no entity representations, like XLM-R; --variant words is possible" in capsys.readouterr().err
    assert not (tmp_path / "RUN").exists()
    assert main([*flags, "--variant", "words", "--tests", "de"]) == 0


def test_another_checkpoint_is_refused(
    finished: Path, checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = shutil.copytree(finished, tmp_path / "RUN")
    config = json.loads((run / "config.json").read_bytes())
    (run / "config.json").write_text(json.dumps({**config, "fingerprint": "0"}))
    assert main(["export", str(run), "--output", str(tmp_path / "DIR")]) == 2
    assert f"{checkpoint} is another checkpoint than the one" in capsys.readouterr().err
