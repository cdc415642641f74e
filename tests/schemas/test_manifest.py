from collections import Counter

from mlukit.schemas.manifest import Flow, Shard, TaskResult, dump_json, total_counts, total_flows


def test_what_has_neither_come_out_nor_a_reason_is_told() -> None:
    flow = Flow(10, 6, Counter(malformed_xml=1), Counter(redirect=2))
    assert flow.unaccounted == 1


def test_a_result_comes_back_from_json() -> None:
    result = TaskResult(
        "parse/en/00003",
        (Shard("articles/en/train-00003.parquet", 7, 99, "ab"),),
        {"pages": Flow(3, 1, Counter(cut_page=1), Counter(redirect=1))},
        {"status red": 4},
        {"sha256": "cd"},
    )
    assert TaskResult.from_json(result.to_json()) == result


def test_totals_add_up() -> None:
    one = TaskResult("a", flows={"pages": Flow(2, 1, skipped=Counter(redirect=1))}, counts={"x": 1})
    two = TaskResult("b", flows={"pages": Flow(3, 3)}, counts={"x": 2, "y": 1})
    assert total_flows([one, two]) == {"pages": Flow(5, 4, Counter(), Counter(redirect=1))}
    assert total_counts([one, two]) == {"x": 3, "y": 1}


def test_json_has_the_same_bytes_whatever_the_order_of_keys() -> None:
    assert dump_json({"b": 1, "a": "ä"}) == dump_json({"a": "ä", "b": 1}) == '{\n "a": "ä",\n "b": 1\n}\n'.encode()
