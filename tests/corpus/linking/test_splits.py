import hashlib

from mlukit.corpus.linking.splits import split_of


def test_an_item_is_in_one_split_in_every_language() -> None:
    for qid in range(1, 500):
        assert len({split_of(language, 7 * qid, qid, 0.5) for language in ("de", "en", "ja")}) == 1


def test_pages_without_item_go_by_language_and_page_id() -> None:
    splits = [split_of(language, page_id, None, 0.5) for language in ("de", "en") for page_id in range(100)]
    assert splits[:100] != splits[100:]
    assert 60 < splits.count("validation") < 140


def test_share() -> None:
    held_out = [qid for qid in range(1, 100_001) if split_of("en", 1, qid) == "validation"]
    assert 900 < len(held_out) < 1100
    assert set(held_out) < {qid for qid in range(1, 100_001) if split_of("en", 1, qid, 0.02) == "validation"}
    assert {split_of("en", 1, qid, 0) for qid in range(1, 1000)} == {"train"}
    assert {split_of("en", 1, qid, 1) for qid in range(1, 1000)} == {"validation"}


def test_the_hash_is_that_of_the_documentation() -> None:
    fraction = int(hashlib.sha256(b"Q64").hexdigest()[:16], 16) / 2**64
    assert split_of("en", 1, 64, fraction * 1.0001) == "validation"
    assert split_of("en", 1, 64, fraction * 0.9999) == "train"
