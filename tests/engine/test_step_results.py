"""The results of tasks, added up by language."""

import pickle
from collections import Counter

import pytest

from mlukit.engine.measures import Measures
from mlukit.engine.step_results import StepResults, join
from mlukit.schemas.manifest import Flow, Shard, TaskResult
from mlukit.schemas.summaries import Checksum, EntitySpread, MadeExamples, ResolvedArticles, summary_in


def of(*results: TaskResult) -> StepResults:
    return StepResults.sum(StepResults.of_task(result, Measures(tasks_done=1, cpu_seconds=0.5)) for result in results)


ONE = TaskResult("a/en/00000", flows={"pages": Flow(2, 1, skipped=Counter(redirect=1))}, counts={"x": 1})
TWO = TaskResult("a/en/00001", flows={"pages": Flow(3, 3)}, counts={"x": 2, "y": 1})


def test_totals_add_up_and_the_parts_stay_as_they_are() -> None:
    parts = [of(ONE), of(TWO)]
    total = StepResults.sum(parts)
    assert total.flows == {"pages": Flow(5, 4, Counter(), Counter(redirect=1))}
    assert total.counts == {"x": 3, "y": 1}
    assert total.measures == Measures(tasks_done=2, cpu_seconds=1.0)
    assert parts == [of(ONE), of(TWO)]
    assert pickle.loads(pickle.dumps(total)) == total


def test_summaries_of_numbers_add_up_by_class_and_others_are_kept_by_task() -> None:
    total = of(
        TaskResult("a/en/00000", summary=ResolvedArticles(with_item=2, without_item=1, characters=40)),
        TaskResult("b/en/00000", summary=MadeExamples(train=4, validation=1, tokens=99)),
        TaskResult("a/en/00001", summary=ResolvedArticles(with_item=3)),
        TaskResult("c/en/00000", summary=Checksum("ab")),
        TaskResult("d/en/00000"),
    )
    written = total.to_json()
    assert written["summary"] == {
        "articles": {"with_item": 5, "without_item": 1, "characters": 40},
        "examples": {"train": 4, "validation": 1, "tokens": 99},
    }
    assert summary_in(written, MadeExamples) == MadeExamples(4, 1, 99)
    assert total.total(ResolvedArticles) == ResolvedArticles(5, 1, 40)
    assert StepResults().total(ResolvedArticles) == ResolvedArticles(0, 0, 0)
    assert total.summary("c/en/00000", Checksum) == Checksum("ab")
    spreads = (TaskResult(f"a/en/0000{n}", summary=EntitySpread(Counter({n: 1, 2: 5}))) for n in (1, 3))
    assert of(*spreads).total(EntitySpread) == EntitySpread(Counter({1: 1, 2: 10, 3: 1}))


def test_a_summary_of_another_kind_is_an_error() -> None:
    results = of(TaskResult("b/en/00000", summary=Checksum("ab")))
    with pytest.raises(TypeError, match="a/en/00000 has the summary None, but Checksum was expected"):
        results.summary("a/en/00000", Checksum)
    with pytest.raises(TypeError, match=r"b/en/00000 has the summary Checksum.*, but EntitySpread was expected"):
        results.summary("b/en/00000", EntitySpread)


def test_shards_come_by_the_number_of_their_task_then_by_its_step() -> None:
    def task(name: str, *files: str) -> TaskResult:
        return TaskResult(name, tuple(Shard(file, 1, 1, "ab") for file in files))

    results = of(
        task("b/en/00010", "5"), task("b/en/00002", "4"), task("a/en/00002", "2", "3"), task("z/en/00001", "1")
    )
    assert [shard.path for shard in results.shards] == ["1", "2", "3", "4", "5"]


def test_results_of_several_steps_are_joined_by_language() -> None:
    joined = join({"en": of(ONE), "de": of()}, {"en": of(TWO), "all": of()})
    assert list(joined) == ["en", "de", "all"]
    assert joined["en"] == of(ONE, TWO)
