"""Texts with mentions in brackets, and the guesses of a model for them."""

import re
from pathlib import Path

import pytest

from mlukit.corpus.examples.tokenizer import Tokenizer
from mlukit.pretraining.config import ModelConfig
from mlukit.pretraining.prediction.cloze import FillError, read_cloze
from mlukit.pretraining.prediction.guess_entities import EntityGuesser
from mlukit.pretraining.training.run_folder import checkpoints, read_model_config
from mlukit.schemas.layout import TOKENIZER, VOCABULARY_PARQUET
from tests.pretraining.small_dataset import SMALL_RUN
from tests.small_dumps import Ran, complaint, run


@pytest.fixture(scope="module")
def tokenizer(small_dataset: Path) -> Tokenizer:
    return Tokenizer.load((small_dataset / TOKENIZER).read_bytes())


@pytest.fixture(scope="module")
def trained(small_dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "trained"
    assert run("train", "--examples", small_dataset, "--output", folder, *SMALL_RUN, "--steps", 4).status == 0
    return folder


def fill(*words: object) -> Ran:
    return run("fill", *words)


@pytest.mark.parametrize(
    ("text", "pieces", "spans"),
    [
        ("The [Thing01] likes [Thing02].", "<s> ▁The ▁Thing01 ▁likes ▁Thing02 . </s>", [(2, 3), (4, 5)]),
        ("[Thing01] sees [?].", "<s> ▁Thing01 ▁sees <mask> . </s>", [(1, 2), (3, 4)]),
        ("[Thing01 sees] ", "<s> ▁Thing01 ▁sees </s>", [(1, 3)]),
        ("The [ ? ] likes", "<s> ▁The <mask> ▁likes </s>", [(2, 3)]),
    ],
)
def test_a_text_with_mentions(tokenizer: Tokenizer, text: str, pieces: str, spans: list[tuple[int, int]]) -> None:
    cloze = read_cloze(text, tokenizer, ModelConfig())
    assert tokenizer.pieces(cloze.token_ids) == pieces.split()
    assert cloze.spans == spans


@pytest.mark.parametrize("text", ["", "The Thing01.", "The [] likes", "The [ ] likes"])
def test_a_text_without(tokenizer: Tokenizer, text: str) -> None:
    with pytest.raises(FillError, match=re.escape("[?]")):
        read_cloze(text, tokenizer, ModelConfig())


def test_guesses_are_shown_with_label_and_item(trained: Path) -> None:
    ran = fill(trained, "--text", "The [Thing01] likes [?].", "--text", "[Thing03]", "--number", 2)
    assert ran.status == 0, ran.err
    lines = ran.out.splitlines()
    assert [lines[0], lines[5]] == ["The [Thing01] likes [?].", "[Thing03]"]
    for line, mention in zip([*lines[1:5], *lines[6:]], ["[Thing01]", "", "[?]", "", "[Thing03]", ""], strict=True):
        found = re.fullmatch(r"  (\S*) +(\d+\.\d)%  Thing(\d\d) \(Q(\d+)\)", line)
        assert found and found[1] == mention and int(found[3]) + 1 == int(found[4]), line


def test_chances_are_those_of_all_entities(trained: Path, small_dataset: Path) -> None:
    guesser = EntityGuesser.load(
        read_model_config(trained), checkpoints(trained)[0][1] / "model.safetensors", small_dataset
    )
    (guesses,) = guesser.guess(read_cloze("The [?] likes", guesser.tokenizer, ModelConfig()), 1000, "de")
    assert len(guesses) == 40
    assert sum(guess.probability for guess in guesses) == pytest.approx(1, abs=1e-5)
    assert [g.probability for g in guesses] == sorted((g.probability for g in guesses), reverse=True)


def test_what_cannot_be_filled(trained: Path, small_dataset: Path, tmp_path: Path) -> None:
    assert "has no mention in brackets" in complaint(fill(trained, "--text", "The Thing01."))
    assert "there is no folder" in complaint(fill(tmp_path / "none", "--examples", small_dataset, "--text", "[?]"))
    assert "is not a run, which has its examples in run.json" in complaint(fill(tmp_path, "--text", "[?]"))
    long = "The Thing01 " * 300 + "[?]"
    assert "has 603 tokens; the model takes 512" in complaint(fill(trained, "--text", long))


def test_a_vocabulary_of_another_size(trained: Path, small_dataset: Path) -> None:
    assert (small_dataset / VOCABULARY_PARQUET).is_file()
    with pytest.raises(FillError, match=r"the model has vocabulary_size 250002, that of .* is 53"):
        EntityGuesser.load(ModelConfig(), checkpoints(trained)[0][1] / "model.safetensors", small_dataset)
