"""Numbers in messages."""

import pytest

from mlukit.schemas.wording import byte_count, counted


def test_a_number_with_its_noun() -> None:
    assert [counted(number, "language") for number in (0, 1, 2)] == ["0 languages", "1 language", "2 languages"]
    assert [counted(number, "entity", "entities") for number in (1, 1200)] == ["1 entity", "1,200 entities"]


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (2_500_000, "2.5 MB"),
        (27.1e9, "27.1 GB"),
        (3e15, "3,000,000.0 GB"),
    ],
)
def test_bytes(number: float, text: str) -> None:
    assert byte_count(number) == text
