"""Accounts of files add up in any order, and damaged files are read back as they were written."""

import json
from collections import Counter
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlukit.schemas.damage import DamagedFile, FileAccount, PageList, Place, WrongChecksum, damaged_files
from mlukit.schemas.manifest import TaskResult

REASONS = st.sampled_from(["corrupt_block", "truncated"])
LOSSES = st.lists(st.tuples(REASONS, st.integers(0, 30)), max_size=8)
DAMAGED = DamagedFile(
    "en",
    "dump",
    "en.xml.bz2",
    99,
    pages=7,
    damage={"truncated": 1},
    places=(Place(99, "truncated"),),
    index=PageList("index.txt", 9),
    checksums=(WrongChecksum("md5sums.txt", "md5", "ab", "cd"),),
)


def account(pages: int, losses: list[tuple[str, int]]) -> FileAccount:
    made = FileAccount(pages)
    for reason, byte in losses:
        made.lose(reason, byte)
    return made


@given(st.lists(LOSSES, max_size=4))
def test_accounts_add_up_in_any_order(parts: list[list[tuple[str, int]]]) -> None:
    places = sorted(Place(byte, reason) for part in parts for reason, byte in part)
    for order in permutations(parts):
        total = FileAccount()
        for part in order:
            total.add(account(2, part))
        assert total == FileAccount(2 * len(parts), Counter(place.reason for place in places), places[:5])


@given(LOSSES)
def test_an_account_is_read_back(losses: list[tuple[str, int]]) -> None:
    result = TaskResult("parse/en/00000", files={"en.xml.bz2": account(3, losses)})
    assert TaskResult.from_json(json.loads(json.dumps(result.to_json()))) == result


def test_a_damaged_file_is_read_back() -> None:
    written = json.loads(json.dumps(DAMAGED.to_json()))
    assert damaged_files({"damaged": [written]}) == [DAMAGED]
    assert damaged_files({}) == []
    assert DAMAGED.reasons == {"truncated": 1, "missing pages": 2, "wrong checksum": 1}


@pytest.mark.parametrize(
    "value",
    [3, [3], [{}], [{**DAMAGED.to_json(), "places": [{"bit": 1}]}], [{**DAMAGED.to_json(), "index": 3}]],
)
def test_what_is_no_damaged_file(value: object) -> None:
    with pytest.raises(ValueError, match="its list of damaged files is malformed"):
        damaged_files({"damaged": value})
