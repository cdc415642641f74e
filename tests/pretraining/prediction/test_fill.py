"""Texts with mentions in brackets, and the guesses of a model for them."""

import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from mlukit.corpus.examples.tokenizer import Tokenizer
from mlukit.pretraining.config import DataConfig, ModelConfig
from mlukit.pretraining.prediction.cloze import beyond_training, read_cloze
from mlukit.pretraining.prediction.guess_entities import GuessError, guess_entities
from mlukit.pretraining.prediction.load_model import load_model
from mlukit.pretraining.prediction.text_errors import TextError
from mlukit.pretraining.training.run_folder import checkpoints, write_manifest
from mlukit.schemas.layout import TOKENIZER
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
    with pytest.raises(TextError, match=re.escape("[?]")):
        read_cloze(text, tokenizer, ModelConfig())


def test_guesses_are_shown_with_label_and_item(trained: Path) -> None:
    ran = fill(trained, "--text", "The [Thing01] likes [?].", "--text", "[Thing03]", "--number", 2)
    assert ran.status == 0, ran.err
    lines = ran.out.splitlines()
    assert [lines[0], lines[5]] == ["The [Thing01] likes [?].", "[Thing03]"]
    for line, mention in zip([*lines[1:5], *lines[6:]], ["[Thing01]", "", "[?]", "", "[Thing03]", ""], strict=True):
        found = re.fullmatch(r"  (\S*) +(\d+\.\d)%  Thing(\d\d) \(Q(\d+)\)", line)
        assert found and found[1] == mention and int(found[3]) + 1 == int(found[4]), line


def test_chances_are_those_of_all_entities(trained: Path) -> None:
    loaded = load_model(trained)
    cloze = read_cloze("The [?] likes", loaded.tokenizer, loaded.model.config)
    (guesses,) = guess_entities(loaded, cloze, 1000, "de")
    assert len(guesses) == 40
    assert sum(guess.probability for guess in guesses) == pytest.approx(1, abs=1e-5)
    assert [g.probability for g in guesses] == sorted((g.probability for g in guesses), reverse=True)


def test_what_cannot_be_filled(trained: Path, small_dataset: Path, tmp_path: Path) -> None:
    assert "has no mention in brackets" in complaint(fill(trained, "--text", "The Thing01."))
    assert "there is no folder" in complaint(fill(tmp_path / "none", "--examples", small_dataset, "--text", "[?]"))
    assert "has no config.json: name a folder of mlukit train" in complaint(fill(tmp_path, "--text", "[?]"))
    long = "The Thing01 " * 300 + "[?]"
    assert "has 603 tokens; the model takes 512" in complaint(fill(trained, "--text", long))


def test_models_that_guess_no_entities(trained: Path) -> None:
    loaded = load_model(trained)
    cloze = read_cloze("The [?] likes", loaded.tokenizer, loaded.model.config)
    for changes, missing in (({"entities": None}, "entities"), ({"predicts_entities": False}, "a trained entity head")):
        with pytest.raises(GuessError, match=f"has no {missing}: name a folder of mlukit train or export, or mLUKE"):
            guess_entities(replace(loaded, **changes), cloze, 5, "en")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("The [Thing01] likes [Thing02].", []),
        ("The " * 20 + "[?]", ["it has 23 tokens, and the examples of the training had at most 20"]),
        ("[Thing01] [?] [?]", ["it has 3 mentions, and the examples of the training had at most 2"]),
        (
            "[Thing01 likes Thing02]",
            ["the mention '[Thing01 likes Thing02]' has 3 tokens, and mentions of the training had at most 2"],
        ),
        ("[[Thing01] likes", ["1 bracket ([) without a partner: no mention is read there"]),
        ("Thing02] [[Thing01]]", ["3 brackets (] [ ]) without a partner: no mention is read there"]),
    ],
)
def test_a_text_beyond_what_training_had(tokenizer: Tokenizer, text: str, told: list[str]) -> None:
    limits = DataConfig(max_tokens=20, max_entities=2, max_mention_tokens=2)
    assert beyond_training(read_cloze(text, tokenizer, ModelConfig()), limits) == told


def test_fill_says_what_training_did_not_have(trained: Path) -> None:
    ran = fill(trained, "--text", f"[{'Thing01 ' * 31}] likes [Thing02")
    assert ran.status == 0
    name = f"mlukit fill: '[{'Thing01 ' * 7}Th…': "
    assert ran.err.splitlines() == [
        f"{name}the mention '[{'Thing01 ' * 7}Th…' has 31 tokens, and mentions of the training had at most 30",
        f"{name}1 bracket ([) without a partner: no mention is read there",
    ]


@pytest.mark.parametrize("kind", ["cut", "nan"])
def test_weights_that_cannot_be_used(trained: Path, tmp_path: Path, kind: str) -> None:
    folder = Path(shutil.copytree(trained, tmp_path / "run"))
    _, checkpoint = checkpoints(folder)[0]
    file = checkpoint / "model.safetensors"
    if kind == "cut":
        file.write_bytes(file.read_bytes()[:-100])
    else:
        weights = load_file(file)
        weights["entity_head.bias"][7] = torch.nan
        save_file(weights, file)
    (checkpoint / "manifest.json").unlink()
    write_manifest(checkpoint, 4)
    line = complaint(fill(folder, "--text", "[Thing01]"))
    wanted = {"cut": f"{file} is damaged: ", "nan": f"{file}: entity_head.bias has values that are not finite numbers"}
    assert wanted[kind] in line


def test_odd_texts(trained: Path) -> None:
    for text, told in (
        ("\ud800 [x]", "has the surrogate U+D800 at 0, which is not a character: the text must be valid UTF-8"),
        ("a \udcff[x] b", "has the surrogate U+DCFF at 2"),
        ("The " * 50_000, "has no mention in brackets"),
    ):
        said = complaint(fill(trained, "--text", text))
        assert told in said and len(said) < 250
    assert fill(trained, "--text", "\u202eThe [Thing01]\u0000 \u200b[?]").status == 0


def test_flags_of_fill(trained: Path, small_dataset: Path) -> None:
    said = complaint(fill(trained, "--text", "[?]", "--language", "xx"))
    assert "no Wikipedia has the code 'xx'" in said
    for device in ("meta", "mps", "cpu:7", "gpu"):
        said = complaint(fill(trained, "--text", "[?]", "--device", device))
        assert said == f"mlukit fill: the device '{device}' cannot be used; accepted: cpu, cuda or cuda:N"
    said = complaint(fill(trained, "--text", "[?]", "--device", "cuda:99"))
    assert "the device 'cuda:99' cannot be used: PyTorch finds" in said
