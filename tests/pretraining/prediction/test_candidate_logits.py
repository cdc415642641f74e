"""Logits of candidates: the masked entities of names, in one window or in several."""

from pathlib import Path

import numpy as np
import pytest

from mlukit.pretraining.errors import PretrainingError
from mlukit.pretraining.prediction.candidate_logits import CandidateModel, Names
from mlukit.pretraining.prediction.cloze import read_cloze
from mlukit.pretraining.prediction.guess_entities import guess_entities
from tests.pretraining.small_dataset import SMALL_RUN
from tests.small_dumps import run

TEXT = "The Thing01 likes Thing02."
SPANS = [(4, 11), (18, 25)]


@pytest.fixture(scope="module")
def trained(small_dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "trained"
    assert run("train", "--examples", small_dataset, "--output", folder, *SMALL_RUN, "--steps", 4).status == 0
    return folder


@pytest.fixture(scope="module")
def model(trained: Path) -> CandidateModel:
    return CandidateModel.load(str(trained))


def test_they_are_the_guesses_of_fill(model: CandidateModel) -> None:
    (found,) = model.logits([Names(TEXT, SPANS, [[2, 3, 999_999], [5]])])
    cloze = read_cloze("The [Thing01] likes [Thing02].", model.loaded.tokenizer, model.loaded.model.config)
    first, second = guess_entities(model.loaded, cloze, 1000, "en")
    chance = [{guess.name: guess.probability for guess in guesses} for guesses in (first, second)]
    assert np.isnan(found[2]) and np.isfinite(found[[0, 1, 3]]).all()
    assert np.exp(found[0] - found[1]) == pytest.approx(chance[0]["Q2"] / chance[0]["Q3"], rel=1e-4)


def test_windows_of_a_long_text(model: CandidateModel) -> None:
    text = "The Thing01 likes Thing02. " * 400
    spans = [(27 * i + start, 27 * i + end) for i in range(400) for start, end in SPANS]
    (found,) = model.logits([Names(text, spans, [[2, 3]] * len(spans))])
    assert found.shape == (1600,) and np.isfinite(found).all()


def test_texts_do_not_change_each_other(model: CandidateModel) -> None:
    names = [Names(TEXT, SPANS, [[2, 3], [5, 6]]), Names("Thing03 " * 9, [(0, 7)], [[4, 2]]), Names("", [], [])]
    together, alone = model.logits(names), [model.logits([one])[0] for one in names]
    for one, other in zip(together, alone, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)


def test_a_name_without_a_token_and_names_with_one_candidate(model: CandidateModel) -> None:
    assert np.isnan(model.logits([Names("The Thing01", [(3, 4)], [[2, 3]])])[0]).all()
    assert np.isnan(model.logits([Names(TEXT, SPANS, [[2], [3]])])[0]).all()


def test_a_folder_without_a_model(tmp_path: Path) -> None:
    with pytest.raises(PretrainingError, match=r"has no config\.json"):
        CandidateModel.load(str(tmp_path))
