"""Entities beat words where the entity alone tells the answer, in languages that fine-tuning did not see."""

import sys
from pathlib import Path

import pytest

from mlukit.evaluation.evaluate import main
from mlukit.evaluation.results.table import make_table
from mlukit.evaluation.tasks.table import TASKS
from tests.evaluation import constructed_entities, constructed_questions
from tests.evaluation.small_checkpoint import write_mluke


@pytest.fixture
def with_constructed_task(monkeypatch: pytest.MonkeyPatch) -> None:
    """A line in the table of tasks, and a module of the name."""
    monkeypatch.setitem(TASKS, "constructed", "whether the entity alone tells the answer")  # type: ignore[arg-type]
    monkeypatch.setitem(sys.modules, "mlukit.evaluation.tasks.constructed", constructed_entities)


@pytest.mark.usefixtures("with_constructed_task")
def test_entities_beat_words_by_forty_points_in_unseen_languages(tmp_path: Path) -> None:
    checkpoint = write_mluke(tmp_path / "mluke", constructed_entities.words(), constructed_entities.QIDS)
    run = tmp_path / "RUN"
    assert main(["constructed", "--model", str(checkpoint), "--data", str(tmp_path), "--output", str(run)]) == 0
    table = make_table([run])
    assert table.columns == ["words", "entities"]
    assert all(cell and cell.mean > 0.8 for cell in table.rows["en"])
    for language in ("de", "ja"):
        words, entities = table.rows[language]
        assert words and entities
        assert entities.mean - words.mean >= 0.4, (language, words, entities)
        (compared,) = table.compared[language]
        assert compared and compared.low > 0.3 and compared.p < 0.01


def test_entities_answer_questions_that_words_cannot(tmp_path: Path) -> None:
    data = constructed_questions.write_questions(tmp_path / "data", train=800, test=100)
    checkpoint = constructed_questions.write_checkpoint(tmp_path / "mluke")
    run = tmp_path / "RUN"
    flags = ["--sets", "xquad", "--candidates", str(data), "--learning-rate", "3e-3", "--epochs", "6"]
    size = ["--batch-size", "16", "--micro-batch-places", "1024"]
    paths = ["--model", str(checkpoint), "--data", str(data), "--output", str(run)]
    assert main(["qa", *paths, *flags, *size]) == 0
    table = make_table([run])
    assert table.columns == ["words", "entities"]
    for language in constructed_questions.LANGUAGES:
        words, entities = table.rows[f"xquad-{language}"]
        assert words and entities and entities.mean > 0.9 and words.mean < 0.5, (language, words, entities)
        (compared,) = table.compared[f"xquad-{language}"]
        assert compared and compared.low > 0.3 and compared.p < 0.01
