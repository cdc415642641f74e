"""Entity prompts beat word prompts on constructed facts: see constructed_facts.py."""

from pathlib import Path

import pytest

from mlukit.evaluation.evaluate import main
from mlukit.evaluation.results.run_folder import read_results
from mlukit.evaluation.results.table import make_table
from tests.evaluation.constructed_facts import write_trained_mluke, write_triples

CHANCE = 1 / 10


def test_entities_find_what_words_cannot_tell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model, data = write_trained_mluke(tmp_path / "mluke"), write_triples(tmp_path / "facts")
    run = tmp_path / "RUN"
    assert main(["cloze", "--model", str(model), "--data", str(data), "--output", str(run)]) == 0
    found = {(one.variant, test): values["P@1"] for one in read_results(run) for test, values in one.scores.items()}
    assert all(found[variant, "en"] > 0.8 for variant in ("words", "object", "subject and object"))
    # German: the words of the subject tell the entity of the object, and not its name
    assert found["words", "de"] < 3 * CHANCE and found["object", "de"] > 0.9
    # Japanese: the entity of the subject alone tells the object
    assert max(found["words", "ja"], found["object", "ja"]) < 3 * CHANCE and found["subject and object", "ja"] > 0.9
    table = make_table([run])
    columns = ["words", "object", "coverage of candidates", "coverage of objects", "subject and object"]
    assert table.columns == columns
    (compared,) = table.compared["de"]
    assert compared and compared.low > 0.5 and compared.p < 0.01
    assert main(["table", str(run)]) == 0
    assert "| object - words |" in capsys.readouterr().out
    before = [one.scores for one in read_results(run)]
    assert main(["score", str(run)]) == 0
    assert [one.scores for one in read_results(run)] == before
