"""From dumps to examples: what a pipeline gives is what the command wrote, row for row."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.small_dumps import load, rows, shards
from tests.transforms.elements.collected import Ran, in_order

LANGUAGES = ("de", "en", "ja")


def written(output: Path, kind: str) -> list[dict[str, Any]]:
    """The rows of all languages' shards."""
    return in_order(row for code in LANGUAGES for row in rows(*shards(output / kind / code)))


@pytest.mark.parametrize("kind", ["articles", "examples", "failures"])
def test_rows(built: Path, ran: Ran, kind: str) -> None:
    assert ran.rows(kind) == written(built, kind)
    assert ran.elements[kind]


def test_both_splits_are_there(ran: Ran) -> None:
    assert {example.split for example in ran.elements["examples"]} == {"train", "validation"}


def flows_of(output: Path, *stages: str) -> Counter[str]:
    """What the stages' records say, under the names of counters."""
    counters = Counter[str]()
    for stage in stages:
        for code, totals in load(output / f"{stage}.json")["languages"].items():
            for what, flow in totals["flows"].items() if code in LANGUAGES else ():
                counters.update({f"{what} in": flow["in"], f"{what} out": flow["out"]})
                counters.update({f"{what} failed: {reason}": n for reason, n in flow["failed"].items()})
                counters.update({f"{what} skipped: {reason}": n for reason, n in flow["skipped"].items()})
    return counters


def test_counters_are_the_commands_flows(built: Path, ran: Ran) -> None:
    counters = ran.counters.copy()
    items = {name: counters.pop(f"articles {name} item") for name in ("with", "without")}
    made = {split: counters.pop(f"examples {split}") for split in ("train", "validation")}
    assert counters == +flows_of(built, "link", "examples")
    summaries = [load(built / "link.json")["languages"][code]["summary"]["articles"] for code in LANGUAGES]
    assert items == {name: sum(one[f"{name}_item"] for one in summaries) for name in items}
    assert made == Counter(row["split"] for row in written(built, "examples"))
    text = [load(built / "link.json")["languages"][code]["summary"]["text"] for code in LANGUAGES]
    assert ran.sums["wikitext bytes"] == sum(one["wikitext_bytes"] for one in text)
