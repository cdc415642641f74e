"""States of arbitrary inputs, and the rows of <ent> and <ent2>."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from mlukit.evaluation.encoder.encoder import Encoder, fingerprint_of, load_encoder
from mlukit.evaluation.encoder.inputs import Input
from mlukit.pretraining.config import ROW_ALIGNMENT
from tests.evaluation.small_checkpoint import write_mluke

CLOSE = {"rtol": 1e-5, "atol": 1e-5}
WORDS = [f"w{number}" for number in range(20)]
TEXT, SPANS = "w1 w2 w3", [(0, 2), (0, 5), (3, 8)]  # overlapping


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Encoder:
    return load_encoder(write_mluke(tmp_path_factory.mktemp("mluke") / "m", WORDS, ["Q1"]), device="cpu")


def encoded(encoder: Encoder, entities: list[int]) -> Input:
    (pieces,) = encoder.texts.encode([TEXT], [[offset for span in SPANS for offset in span]])
    spans = [pieces.span(*span) for span in SPANS]
    return Input([encoder.texts.bos, *pieces.ids, encoder.texts.eos], entities, spans)


def test_overlapping_entities_have_the_states_of_embed(encoder: Encoder) -> None:
    one = encoded(encoder, [encoder.texts.mask] * 3)
    assert one.spans == [(1, 2), (1, 3), (2, 4)]
    (found,) = encoder.loaded.embed([TEXT], [SPANS])
    ((number, states),) = encoder.states([one])
    assert number == 0
    torch.testing.assert_close(states[0], torch.cat([found.words, found.entities]), **CLOSE)


def test_every_layer_and_many_entities(encoder: Encoder) -> None:
    one = encoded(encoder, [encoder.texts.mask] * 3)
    many = Input(one.token_ids, [encoder.texts.mask] * 90, [(1, 3)] * 90)  # more entities than words
    found = dict(encoder.states([one, many], layers=[0, 1, -1]))
    assert [tuple(found[number].shape) for number in (0, 1)] == [(3, 8, 48), (3, 95, 48)]
    for number, states in encoder.states([one, many]):
        torch.testing.assert_close(states[0], found[number][-1], **CLOSE)


def test_texts_do_not_change_each_other(encoder: Encoder) -> None:
    inputs = [encoded(encoder, [encoder.texts.mask] * 3), Input([0, 5, 6, 2]), Input([0, 7, 2], [2], [(1, 2)])]
    together = dict(encoder.states(inputs))
    for number, one in enumerate(inputs):
        torch.testing.assert_close(together[number], dict(encoder.states([one]))[0], **CLOSE)


def test_marks_copy_the_unknown_word_where_there_is_no_such_piece(encoder: Encoder) -> None:
    words = encoder.model.word_embeddings.words.weight
    assert (encoder.texts.ent, encoder.texts.ent2) == (len(WORDS) + 7, len(WORDS) + 8)
    assert torch.equal(words[encoder.texts.ent], words[3]) and torch.equal(words[encoder.texts.ent2], words[3])


def test_marks_copy_two_pieces(tmp_path: Path) -> None:
    encoder = load_encoder(write_mluke(tmp_path / "m", ["a", "b"]), device="cpu")
    assert encoder.texts.encode_words(["a", "b", "a"]) == ([4, 5, 4], [0, 1, 2, 3])
    assert encoder.texts.find_entities(["[MASK2]", "Q9"]) == [3, None]
    assert encoder.texts.mask2 == 3


def test_marks_of_a_checkpoint_are_kept(tmp_path: Path) -> None:
    folder = write_mluke(tmp_path / "m", WORDS)
    tensors, name = load_file(folder / "model.safetensors"), "embeddings.word_embeddings.weight"
    rows = torch.randn(2, 48)
    save_file({**tensors, name: torch.cat([tensors[name], rows])}, folder / "model.safetensors", {"format": "pt"})
    config = folder / "config.json"
    size = len(tensors[name])
    config.write_text(config.read_text().replace(f'"vocab_size": {size}', f'"vocab_size": {size + 2}'))
    encoder = load_encoder(folder, device="cpu")
    assert torch.equal(encoder.model.word_embeddings.words.weight[size : size + 2], rows)


def test_the_word_table_grows_where_it_has_no_free_rows(tmp_path: Path) -> None:
    words = [f"w{number}" for number in range(ROW_ALIGNMENT - 7)]  # with the others, a multiple of the alignment
    folder = write_mluke(tmp_path / "m", words)
    encoder = load_encoder(folder, device="cpu")
    assert encoder.model.config.vocabulary_size == ROW_ALIGNMENT
    assert len(encoder.model.word_embeddings.words.weight) == 2 * ROW_ALIGNMENT
    dict(encoder.states([Input([0, encoder.texts.ent, encoder.texts.ent2, 2])]))


def test_a_copy_has_dropout_and_the_model_stays(encoder: Encoder) -> None:
    before = fingerprint_of(encoder.model)
    copy = encoder.trainable_copy(0.5, 0.25)
    assert copy.config.hidden_dropout == copy.layers[0].dropout.p == 0.5
    assert copy.config.attention_dropout == copy.layers[1].attention.dropout == 0.25
    with torch.no_grad():
        copy.word_embeddings.words.weight.zero_()
    assert fingerprint_of(encoder.model) == before != fingerprint_of(copy)
    assert encoder.model.config.attention_dropout == 0.0
