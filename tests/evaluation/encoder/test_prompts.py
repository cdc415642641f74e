"""Templates as inputs of a checkpoint whose pieces are whole words."""

import pytest

from mlukit.evaluation.encoder.encoder import Encoder, load_encoder
from mlukit.evaluation.encoder.prompts import candidate_pieces, prompts
from tests.evaluation.small_checkpoint import write_mluke

WORDS = ["New", "York", "Paris", "is", "in"]


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Encoder:
    return load_encoder(write_mluke(tmp_path_factory.mktemp("small") / "mluke", WORDS, ["Q60", "Q90"]))


def ids(encoder: Encoder, *words: str) -> list[int]:
    return [piece for (piece,) in encoder.texts.tokenizer.encode(list(words))]


def test_the_object_is_masked_words(encoder: Encoder) -> None:
    texts = encoder.texts
    (prompt,) = prompts(texts.tokenizer, "[X] is in [Y]", ["New York"])
    made = prompt.input(texts, 2)
    expected = [texts.bos, *ids(encoder, "New", "York", "is", "in"), texts.mask_word, texts.mask_word, texts.eos]
    assert made.token_ids == expected
    assert (list(made.entity_ids), list(made.spans), made.rows.tolist()) == ([], [], [[5], [6]])


@pytest.mark.parametrize(
    ("template", "mask", "subject"), [("[X] is in [Y]", (5, 6), (1, 3)), ("[Y] is in [X]", (1, 2), (4, 6))]
)
def test_the_object_is_an_entity_over_one_word(
    encoder: Encoder, template: str, mask: tuple[int, int], subject: tuple[int, int]
) -> None:
    texts = encoder.texts
    (city,) = texts.find_entities(["Q60"])
    (prompt,) = prompts(texts.tokenizer, template, ["New York"])
    made = prompt.input(texts, 1, entity=True)
    assert made.token_ids[mask[0]] == texts.mask_word and len(made.token_ids) == 7
    assert (list(made.entity_ids), list(made.spans), made.rows.tolist()) == ([texts.mask], [mask], [[7]])
    made = prompt.input(texts, 1, city, entity=True)
    assert (list(made.entity_ids), list(made.spans), made.rows.tolist()) == ([texts.mask, city], [mask, subject], [[7]])
    assert made.token_ids[slice(*subject)] == ids(encoder, "New", "York")


def test_the_subject_may_be_there_twice(encoder: Encoder) -> None:
    texts = encoder.texts
    (prompt,) = prompts(texts.tokenizer, "[X] in [Y] is [X]", ["Paris"])
    (city,) = texts.find_entities(["Q90"])
    made = prompt.input(texts, 1, city, entity=True)
    assert (list(made.entity_ids), list(made.spans)) == ([texts.mask, city, city], [(3, 4), (1, 2), (5, 6)])


def test_candidates_have_the_pieces_that_they_have_in_the_template(encoder: Encoder) -> None:
    found = candidate_pieces(encoder.texts.tokenizer, "[Y] is in [X]", ["New York", "Paris"])
    assert found == [ids(encoder, "New", "York"), ids(encoder, "Paris")]
