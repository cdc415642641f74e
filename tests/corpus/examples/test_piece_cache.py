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
