"""What a linker gets right, on documents that are small enough to count by hand."""

from collections import Counter

import pytest

from mlukit.linker.gold_documents import GoldDocument, GoldMention
from mlukit.linker.gold_report import report
from mlukit.linker.linker import Linker
from mlukit.linker.measure import Score, band_of, measure
from tests.linker.written_output import BERLIN, CITY_IN_USA, SPREE

#        0         1         2         3         4
#        0123456789012345678901234567890123456789012345
TEXT = "Die Spree fließt durch Berlin, Paris und Potsdam."
DOCUMENTS = [
    GoldDocument("de", "1", TEXT, [GoldMention(4, 9, SPREE), GoldMention(23, 29, BERLIN), GoldMention(41, 48, 1711)]),
    GoldDocument("de", "2", "Berlin, Spree", [GoldMention(0, 6, CITY_IN_USA), GoldMention(8, 13, None)]),
]
FREQUENCY = Counter({SPREE: 3, BERLIN: 40, CITY_IN_USA: 6})


def test_counts(linker: Linker) -> None:
    measured = measure(linker, DOCUMENTS, FREQUENCY)
    assert measured.documents == 2
    assert measured.spans == Score(gold=4, found=4, right=3)  # Paris is not a link, and the second Spree is passed over
    assert measured.curve[0.5] == Score(gold=4, found=3, right=3)
    assert measured.curve[0.8] == Score(gold=4, found=1, right=1)
    assert (measured.named, measured.reachable, measured.ambiguous) == (3, 3, 2)
    assert measured.bands == {1: 2, 10: 1, 0: 1}
    assert measured.right == {("prior", 1): 2, ("+ coherence", 1): 2, ("+ coherence", 10): 1}
    assert measured.resolved == {"prior": 1, "+ coherence": 2}
    assert measured.linked == {("prior", 1): 2, ("+ coherence", 1): 1, ("+ coherence", 10): 1}


def test_scores() -> None:
    score = Score(gold=4, found=5, right=3)
    assert (score.precision, score.recall, score.f1) == (pytest.approx(0.6), pytest.approx(0.75), pytest.approx(2 / 3))
    assert (Score().precision, Score().recall, Score().f1) == (0, 0, 0)


def test_bands() -> None:
    assert [band_of(n) for n in (0, 1, 9, 10, 99, 100, 5_000, 123_456)] == [0, 1, 1, 10, 10, 100, 1_000, 10_000]


def test_the_report(linker: Linker) -> None:
    lines = list(report({"de": measure(linker, DOCUMENTS, FREQUENCY)}, 0.01))
    assert lines[:6] == [
        "**Spans, link probability of at least 0.01**",
        "",
        "| language | documents | gold | found | right | precision | recall | F1 |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
        "| de | 2 | 4 | 4 | 3 | 0.750 | 0.750 | 0.750 |",
        "| all | 2 | 4 | 4 | 3 | 0.750 | 0.750 | 0.750 |",
    ]
    assert "| de | 4 | 0.750 | 0.750 | 0.500 | 0.750 | 2 | 0.500 | 1.000 |" in lines
    assert "| de | 0.500 | 0.500 | 0.500 | 0.500 | 0.500 | 0.500 |" in lines
    assert "| 1 to 9 | 2 | 1.000 | 1.000 | 1.000 | 0.500 |" in lines
    assert "| 0.5 | 3 | 1.000 | 0.750 | 0.857 | 0.857 |" in lines
