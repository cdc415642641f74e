import json
from collections import Counter

import pytest

from mlukit.schemas.manifest import Flow, Shard, TaskResult, dump_json
from mlukit.schemas.summaries import Checksum, EntitySpread, ResolvedArticles, summary_in


def test_what_has_neither_come_out_nor_a_reason_is_told() -> None:
    flow = Flow(10, 6, Counter(malformed_xml=1), Counter(redirect=2))
    assert flow.unaccounted == 1


def test_a_result_comes_back_from_json() -> None:
    result = TaskResult(
        "parse/en/00003",
        (Shard("articles/en/train-00003.parquet", 7, 99, "ab"),),
        {"pages": Flow(3, 1, Counter(cut_page=1), Counter(redirect=1))},
        {"status red": 4},
        EntitySpread(Counter({1: 3, 12: 4})),
    )
    assert TaskResult.from_json(json.loads(dump_json(result.to_json()))) == result


def test_a_summary_that_is_not_there_or_has_other_fields_is_an_error() -> None:
    with pytest.raises(KeyError, match="articles"):
        summary_in({"summary": {"examples": {}}}, ResolvedArticles)
    with pytest.raises(TypeError, match="'articles'"):
        summary_in({"summary": {"articles": {"articles": 3}}}, ResolvedArticles)
    with pytest.raises(TypeError, match="sha256"):
        Checksum.from_json({})


def test_json_has_the_same_bytes_whatever_the_order_of_keys() -> None:
    assert dump_json({"b": 1, "a": "ä"}) == dump_json({"a": "ä", "b": 1}) == '{\n "a": "ä",\n "b": 1\n}\n'.encode()
