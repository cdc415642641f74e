import time
from concurrent.futures import ThreadPoolExecutor
from threading import Lock

import pytest

from mlukit.corpus.examples import piece_cache as word_pieces
from mlukit.corpus.examples.piece_cache import PieceCache


def ids_of(pieces: word_pieces.Pieces) -> list[list[int]]:
    return [
        pieces.ids[first : first + number].tolist()
        for first, number in zip(pieces.first.tolist(), pieces.number.tolist(), strict=True)
    ]


def test_a_word_is_encoded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def encode(words: list[str]) -> list[list[int]]:
        asked.extend(words)
        return [list(map(ord, word)) for word in words]

    words = PieceCache(encode)
    assert ids_of(words.look_up(["ab", "", "c"])) == [[97, 98], [], [99]]
    assert ids_of(words.look_up(["c", "d", "ab"])) == [[99], [100], [97, 98]]
    assert asked == ["ab", "", "c", "d"]
    assert ids_of(words.look_up([])) == []
    monkeypatch.setattr(word_pieces, "REMEMBERED", 3)
    assert ids_of(words.look_up(["d", "c"])) == [[100], [99]]
    assert asked[4:] == ["d", "c"]


def test_threads_share_it() -> None:
    inside = Lock()

    def encode(words: list[str]) -> list[list[int]]:
        assert inside.acquire(blocking=False), "two threads add words at the same time"
        time.sleep(0.01)
        inside.release()
        return [[int(word)] * (int(word) % 3) for word in words]

    words = PieceCache(encode)
    asked = [[str(number + step) for number in range(0, 60, 7)] for step in range(9)]
    with ThreadPoolExecutor(3) as threads:
        found = list(threads.map(words.look_up, asked))
    assert list(map(ids_of, found)) == list(map(encode, asked))
