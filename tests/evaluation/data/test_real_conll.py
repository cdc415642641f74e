"""The official files of CoNLL-2002: sentences and entities as published, and what candidate spans leave out."""

from dataclasses import replace
from pathlib import Path

import pytest

from mlukit.corpus.examples.tokenizer import Tokenizer
from mlukit.evaluation.encoder.text_encoder import TextEncoder
from mlukit.evaluation.tasks.ner import TASK
from mlukit.evaluation.tasks.task import ENTITIES

SHARED = Path(__file__).resolve().parents[3].parent / "shared/data"
MODEL = SHARED / "tokenizer/xlmr.sentencepiece.bpe.model"
OPTIONS = {"train-language": "none", "context": "sentence", "tag-names": ""}

pytestmark = pytest.mark.skipif(
    not (SHARED / "evaluation/conll2002").is_dir() or not MODEL.is_file(),
    reason=f"CoNLL-2002 and XLM-R's tokenizer are not in {SHARED}",
)


def test_spanish_and_dutch_tests() -> None:
    data = replace(TASK.read(SHARED / "evaluation", OPTIONS), options=OPTIONS)
    assert data.labels == ("O", "LOC", "MISC", "ORG", "PER")
    assert {name: len(examples) for name, examples in data.tests.items()} == {"es": 1_517, "nl": 5_195}
    assert {name: sum(len(one.entities) for one in data.tests[name]) for name in data.tests} == {
        "es": 3_559,
        "nl": 3_941,
    }
    tokenizer = Tokenizer.load(MODEL.read_bytes())
    size = tokenizer.size
    texts = TextEncoder(tokenizer, None, 512, 0, 2, tokenizer.mask_id, size, size + 1, 2, 3, 1)
    inputs = {one.id: TASK.inputs(data, one, ENTITIES, texts) for one in data.tests["es"]}
    notes = [note for one in data.tests["es"] for note in TASK.notes(data, one, inputs[one.id])]
    assert notes == ["with an entity that no span of at most 16 pieces covers"] * 5
    assert sum(len(one.entity_ids) for of_one in inputs.values() for one in of_one) == 530_489
