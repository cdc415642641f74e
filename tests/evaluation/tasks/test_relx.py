"""The input of RELX: marks around entities, and the places whose states are classified."""

import numpy as np
import pytest

from mlukit.evaluation.encoder.encoder import load_encoder
from mlukit.evaluation.encoder.text_encoder import TextEncoder
from mlukit.evaluation.errors import ExampleError
from mlukit.evaluation.tasks.relx import TASK
from mlukit.evaluation.tasks.task import TaskData
from tests.evaluation.small_checkpoint import write_mluke

DATA = TaskData(tests={}, labels=("no_relation", "r(e1,e2)"))


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> TextEncoder:
    return load_encoder(write_mluke(tmp_path_factory.mktemp("m") / "m", ["a", "b", "c"]), device="cpu").texts


@pytest.mark.parametrize(
    ("marked", "tokens", "spans"),
    [
        ("<e1> a </e1> b <e2> c </e2>", "< 1 a 1 b 2 c 2 >", [(1, 4), (5, 8)]),
        ("<e2> c </e2> b <e1> a </e1>", "< 2 c 2 b 1 a 1 >", [(5, 8), (1, 4)]),
        ("b <e1> </e1> <e2> c </e2>", "< b 1 1 2 c 2 >", [(2, 4), (4, 7)]),  # an entity without words
        ("<e1> a <e2> b </e2> </e1>", "< 1 a 2 b 2 1 >", [(1, 7), (3, 6)]),
        ("<e1> a </e1> <e2> b </e2>", "< 1 a 1 2 b 2 >", [(1, 4), (4, 7)]),
    ],
)
def test_marks_are_part_of_the_entity(
    marked: str, tokens: str, spans: list[tuple[int, int]], texts: TextEncoder
) -> None:
    names = {"<": texts.bos, ">": texts.eos, "1": texts.ent, "2": texts.ent2, "a": 4, "b": 5, "c": 6}
    example = TASK.example_of_text({"text": marked}, 1)
    (one,) = TASK.inputs(DATA, example, "entities", texts)
    assert list(one.token_ids) == [names[token] for token in tokens.split()]
    assert list(one.spans) == spans and list(one.entity_ids) == [texts.mask, texts.mask2]
    assert one.rows.tolist() == [[len(one.token_ids), len(one.token_ids) + 1]]
    (words,) = TASK.inputs(DATA, example, "words", texts)
    assert words.token_ids == one.token_ids and not words.entity_ids
    assert words.rows.tolist() == [[start for start, _ in spans]]
    assert words.targets.tolist() == [-100]  # no label: it adds nothing to the loss


def test_a_sentence_that_is_too_long(texts: TextEncoder) -> None:
    example = TASK.example_of_text({"text": f"<e1> a </e1> {'b ' * 80}<e2> c </e2>"}, 1)
    with pytest.raises(ExampleError, match="longer than the 64 tokens"):
        TASK.inputs(DATA, example, "words", texts)


def test_the_likeliest_label() -> None:
    line = TASK.decode(DATA, None, [], [np.array([[0.0, np.log(3)]])])
    assert line == {"label": "r(e1,e2)", "probability": 0.75}
