"""Texts and mentions through a loaded model."""

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mlukit.corpus.examples.tokenizer import Tokenizer
from mlukit.pretraining.config import MODELS, changed
from mlukit.pretraining.data.dataset import open_tokenizer
from mlukit.pretraining.model.model import PretrainingModel
from mlukit.pretraining.prediction import loaded_model
from mlukit.pretraining.prediction.encoded_texts import Mention, encode_texts
from mlukit.pretraining.prediction.entity_ids import NamedIds, VocabularyIds
from mlukit.pretraining.prediction.loaded_model import Embedding, LoadedModel, batches_by_length
from mlukit.pretraining.prediction.text_errors import TextError
from mlukit.schemas.layout import TOKENIZER, VOCABULARY_PARQUET

TEXT = "The Thing07 follows Thing12."
TEXTS = [TEXT, "Die Thing01 likes Thing02 meets Thing03.", "The"]
MENTIONS: list[list[Mention]] = [[Mention(4, 11, "Q8"), Mention(20, 27)], [], [Mention(0, 3, "Q999")]]


@pytest.fixture(scope="module")
def tokenizer(small_dataset: Path) -> Tokenizer:
    return open_tokenizer(small_dataset / TOKENIZER)


@pytest.fixture(scope="module")
def loaded(small_dataset: Path, tokenizer: Tokenizer) -> LoadedModel:
    entities = VocabularyIds(small_dataset / VOCABULARY_PARQUET)
    torch.manual_seed(2)
    sizes = {"vocabulary_size": tokenizer.size, "entity_vocabulary_size": 60, "max_positions": 40}
    model = PretrainingModel(changed(MODELS["tiny"], sizes)).eval()
    return LoadedModel(small_dataset, model, tokenizer, entities, torch.device("cpu"), predicts_entities=True)


def shapes(one: Embedding) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(states.shape) for states in (one.sentence, one.words, one.entities))


def test_states_of_words_and_entities(loaded: LoadedModel) -> None:
    first, second, third = loaded.embed(TEXTS, MENTIONS)
    assert first.pieces == ["<s>", "▁The", "▁Thing07", "▁follows", "▁Thing12", ".", "</s>"]
    assert shapes(first) == ((128,), (7, 128), (2, 128))
    assert shapes(second) == ((128,), (len(second.pieces), 128), (0, 128))
    assert torch.equal(first.sentence, first.words[0])
    assert (first.mentions, first.unknown) == ([0, 1], [])
    assert (third.mentions, third.unknown) == ([0], [0])  # no thing is Q999
    plain = loaded.embed(TEXTS)[0]
    assert not torch.allclose(plain.words, first.words)  # entities are in the input


def test_a_text_has_the_same_states_in_any_batch(loaded: LoadedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    together = loaded.embed(TEXTS, MENTIONS)
    monkeypatch.setattr(loaded_model, "BATCH_TOKENS", 1)
    for one, alone in zip(together, loaded.embed(TEXTS, MENTIONS), strict=True):
        torch.testing.assert_close(one.words, alone.words)
        torch.testing.assert_close(one.entities, alone.entities)


def test_titles_name_entities_as_qids_do(loaded: LoadedModel) -> None:
    by_title = loaded.embed([TEXT], [[(4, 11, "de:Thing07")]])[0]
    by_qid = loaded.embed([TEXT], [[(4, 11, "Q8")]])[0]
    assert by_title.unknown == []
    assert torch.equal(by_title.entities, by_qid.entities)


def test_a_long_text(loaded: LoadedModel) -> None:
    text = " ".join(["Thing01"] * 60)
    mentions = [[Mention(0, 7, "Q2"), Mention(len(text) - 7, len(text), "Q2")]]
    with pytest.raises(TextError, match=r"^'Thing01 .*…' has 62 tokens; the model takes 38$"):
        loaded.embed([text], mentions)
    (cut,) = loaded.embed([text], mentions, cut=True)
    assert (len(cut.pieces), cut.pieces[-1], cut.mentions) == (38, "</s>", [0])
    assert shapes(cut)[2] == (1, 128)


@pytest.mark.parametrize(
    ("mention", "complaint"),
    [
        ((4, 4), "has no mention from 4 to 4: it has the code points 0 to 28, and a mention ends after its start"),
        ((20, 40), "has no mention from 20 to 40"),
        ((-1, 3), "has no mention from -1 to 3"),
        ((3, 4), "the mention ' ' at 3 has no words"),
    ],
)
def test_mentions_that_are_none(loaded: LoadedModel, mention: tuple[int, int], complaint: str) -> None:
    with pytest.raises(TextError) as raised:
        loaded.embed([TEXT], [[mention]])
    assert complaint in str(raised.value) and TEXT in str(raised.value)


def test_a_model_without_entities(loaded: LoadedModel, tokenizer: Tokenizer) -> None:
    model = LoadedModel(Path("xlm-r"), loaded.model, tokenizer, None, torch.device("cpu"), predicts_entities=True)
    assert shapes(model.embed([TEXT])[0])[2] == (0, 128)
    with pytest.raises(TextError, match="xlm-r is a model without entities: it takes texts without mentions"):
        model.embed([TEXT], [[(4, 11)]])


def test_names_of_another_model() -> None:
    assert NamedIds({"[MASK]": 2, "de:Berlin": 5}).find(["de:Berlin", "Q64", "[MASK]"]) == [5, None, 2]


def test_names_of_a_vocabulary(small_dataset: Path) -> None:
    ids = VocabularyIds(small_dataset / VOCABULARY_PARQUET)
    names = ["[PAD]", "Q8", "de:Thing07", "en:Thing07", "fr:Thing07", "Thing07", "Q" + "9" * 30, "Q0", ""]
    found = ids.find(names)
    assert (found[0], found[4:]) == (0, [None] * 5)
    assert found[1] is not None and found[1] == found[2] == found[3] >= 4


@given(st.lists(st.integers(1, 20_000), max_size=40))
def test_batches_hold_every_text_once(lengths: list[int]) -> None:
    batches = list(batches_by_length(lengths))
    assert sorted(number for batch in batches for number in batch) == list(range(len(lengths)))
    for batch in batches:
        assert len(batch) == 1 or sum(lengths[number] for number in batch) <= loaded_model.BATCH_TOKENS


@given(st.data())
def test_spans_are_the_tokens_of_mentions(loaded: LoadedModel, tokenizer: Tokenizer, data: st.DataObject) -> None:
    words = data.draw(st.lists(st.sampled_from(["The", "Thing01", "Thing02", "likes", "."]), min_size=1, max_size=8))
    text = " ".join(words)
    starts = [len(" ".join(words[:number])) + (number > 0) for number in range(len(words))]
    chosen = data.draw(st.lists(st.integers(0, len(words) - 1), max_size=4))
    mentions = [Mention(starts[number], starts[number] + len(words[number])) for number in chosen]
    (encoded,) = encode_texts([text], [mentions], [[2] * len(mentions)], tokenizer, loaded.model.config)
    pieces = tokenizer.pieces(encoded.token_ids)
    said = ["".join(pieces[start:end]).replace("▁", "") for start, end in encoded.spans]
    assert said == [words[number] for number in chosen]
