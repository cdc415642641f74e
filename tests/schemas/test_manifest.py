import json
from collections import Counter

import pytest

from mlukit.schemas.manifest import (
    Flow,
    Shard,
    TaskResult,
    dump_json,
    summary_of,
    total_counts,
    total_flows,
    total_of,
    total_summaries,
)
from mlukit.schemas.summaries import Checksum, EntitySpread, MadeExamples, ResolvedArticles, summary_in


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


def test_totals_add_up() -> None:
    one = TaskResult("a", flows={"pages": Flow(2, 1, skipped=Counter(redirect=1))}, counts={"x": 1})
    two = TaskResult("b", flows={"pages": Flow(3, 3)}, counts={"x": 2, "y": 1})
    assert total_flows([one, two]) == {"pages": Flow(5, 4, Counter(), Counter(redirect=1))}
    assert total_counts([one, two]) == {"x": 3, "y": 1}


def test_summaries_add_up_by_class() -> None:
    results = [
        TaskResult("a", summary=ResolvedArticles(with_item=2, without_item=1)),
        TaskResult("b", summary=MadeExamples(train=4, validation=1, tokens=99)),
        TaskResult("c", summary=ResolvedArticles(with_item=3)),
        TaskResult("d", summary=Checksum("ab")),
        TaskResult("e"),
    ]
    totals = total_summaries(results)
    assert totals == {
        "articles": {"with_item": 5, "without_item": 1},
        "examples": {"train": 4, "validation": 1, "tokens": 99},
    }
    assert summary_in({"summary": totals}, MadeExamples) == MadeExamples(4, 1, 99)
    assert total_of([results[0], results[2]], ResolvedArticles) == ResolvedArticles(5, 1)
    assert total_of([], ResolvedArticles) == ResolvedArticles(0, 0)
    spreads = [TaskResult("a", summary=EntitySpread(Counter({n: 1, 2: 5}))) for n in (1, 3)]
    assert total_of(spreads, EntitySpread) == EntitySpread(Counter({1: 1, 2: 10, 3: 1}))


def test_a_summary_of_another_kind_or_with_other_fields_is_an_error() -> None:
    with pytest.raises(TypeError, match="a left None where Checksum was expected"):
        summary_of(TaskResult("a"), Checksum)
    with pytest.raises(TypeError, match=r"b left Checksum.* where ResolvedArticles was expected"):
        total_of([TaskResult("b", summary=Checksum("ab"))], ResolvedArticles)
    with pytest.raises(KeyError, match="articles"):
        summary_in({"summary": {"examples": {}}}, ResolvedArticles)
    with pytest.raises(TypeError, match="'articles'"):
        summary_in({"summary": {"articles": {"articles": 3}}}, ResolvedArticles)
    with pytest.raises(TypeError, match="sha256"):
        Checksum.from_json({})


def test_json_has_the_same_bytes_whatever_the_order_of_keys() -> None:
    assert dump_json({"b": 1, "a": "ä"}) == dump_json({"a": "ä", "b": 1}) == '{\n "a": "ä",\n "b": 1\n}\n'.encode()
