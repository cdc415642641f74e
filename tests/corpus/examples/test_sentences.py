from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlukit.corpus.examples.sentences import SentenceSplitter, trimmed_spans

TEXTS = st.text(
    st.sampled_from("aB.?!。।؟ \t\n\u00a0\u2029\u200b\r\u0301😀𠮷 1ก漢ñ“”)(") | st.characters(codec="utf-8")
)


def sentences(text: str, language: str, **options: bool) -> list[str]:
    return [text[start:end] for start, end in SentenceSplitter(language, **options).spans(text)]


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("en", ["Mr. Smith met Prof. Lee, i.e. him, at 5 p.m. on Monday.", "He left."]),
        ("de", ["Dr. Müller und die Firma Huber Co. KG kamen.", "Sie gingen usw. weiter."]),
        ("es", ["La Sra. García llegó.", "El Dr. Pérez no."]),
        ("fr", ["Le prof. et M. Dupont sont là.", "Il vit."]),
        ("it", ["Il Sig. Rossi è qui.", "Bene."]),
        ("pt", ["O Dr. Silva chegou.", "Bem."]),
        ("th", ["ประเทศไทย เป็นประเทศ.", "ที่ตั้งอยู่ใน"]),
        ("hi", ["यह एक है।", "यह दो है॥", "तीन?"]),
        ("ar", ["هذا واحد.", "هل هذا اثنان؟", "نعم!"]),
        ("el", ["Τι είναι;", "Ναι."]),
        ("xx", ["One.", "Two."]),
        ("simple", ["Mr. Smith left.", "He did."]),
    ],
)
def test_sentences_with_spaces(language: str, expected: list[str]) -> None:
    assert sentences("  ".join(expected), language) == expected


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("ja", ["東京は日本の首都。", "大きい！", "本当？」", "はい"]),
        ("zh", ["北京是中国的首都。", "它很大！", "对吗？", "对"]),
    ],
)
def test_sentences_without_spaces(language: str, expected: list[str]) -> None:
    assert sentences("".join(expected), language) == expected


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        (
            "en",
            ["Dr. No met Lt. Col. John F. Kennedy of the U.S. Army.", "He had No. 5 Baker Street.", "No."],
        ),
        ("en", ["W. W. Norton, e.g. Mr. Hood.", "It cost 5.", "Berlin grew by 12.", "End."]),
        (
            "de",
            ["Am 3. Oktober im 20. Jahrhundert, z. B. Berlin, z.B. Bonn.", "Er wurde 12.", "Dann d. h. Dr. Müller."],
        ),
        ("th", ["เมื่อ (ค.ศ. 1919-1932) และในปีค.ศ. 1949 พ.ศ.2550 เวลา 8.30 น. ที่ประเทศ.", "คืน.", "ดี"]),
        ("bn", ["এটি ৫ কি.মি. দূরে।", "ডি. এবং মি. রায়।", "সে করে.", "তিনি"]),
        ("el", ["Ο Γ. Κ. Σαββίδης ήταν στον Αγ. Πέτρο το 300 π.Χ.", "Έγραψε.", "Τέλος."]),
        ("ru", ["З. Г. Чернышёв на ул. Ленина.", "Это был 1990 г.", "Он умер."]),
        ("zh", ["由J.B.伯里编。", "完"]),
        ("xx", ["J. Smith came.", "Dr.", "Berg."]),
    ],
)
def test_dots_that_end_no_sentence(language: str, expected: list[str]) -> None:
    separator = "" if language == "zh" else " "
    assert sentences(separator.join(expected), language) == expected


def test_corrections_are_a_choice() -> None:
    assert sentences("Mr. A. Smith left the U.S. Army.", "en", corrections=False) == [
        "Mr. A.",
        "Smith left the U.S.",
        "Army.",
    ]


def test_abbreviations_are_a_choice() -> None:
    assert sentences("Mr. Smith left.", "en", abbreviations=False) == ["Mr.", "Smith left."]


def test_characters_beyond_the_basic_plane() -> None:
    assert sentences("One 😀 is here. Two 😀😀 are. 𠮷 is three. Four.", "en") == [
        "One 😀 is here.",
        "Two 😀😀 are.",
        "𠮷 is three.",
        "Four.",
    ]


def test_a_paragraph_ends_a_sentence_even_after_an_abbreviation() -> None:
    assert sentences("Seen by Mr.\nSmith left\n\nhere", "en") == ["Seen by Mr.", "Smith left", "here"]


@pytest.mark.parametrize("text", ["", " ", "\n", " \n\u3000\n "])
def test_no_sentence_in_blank_text(text: str) -> None:
    assert SentenceSplitter("en").spans(text) == []


@given(TEXTS)
def test_everything_but_whitespace_lies_in_one_sentence(text: str) -> None:
    spans = SentenceSplitter("en").spans(text)
    assert all(end <= start for (_, end), (start, _) in pairwise(spans))
    covered = [text[start:end] for start, end in spans]
    assert all(sentence and sentence == sentence.strip() and "\n" not in sentence for sentence in covered)
    assert sum(map(len, covered)) + sum(len(text[a:b]) for a, b in gaps(spans, len(text))) == len(text)
    assert all(not text[a:b].strip() for a, b in gaps(spans, len(text)))


def gaps(spans: Sequence[tuple[int, int]], end: int) -> list[tuple[int, int]]:
    return list(zip([0, *(e for _, e in spans)], [*(s for s, _ in spans), end], strict=True))


@given(TEXTS)
def test_breaks_are_those_of_a_text_within_the_basic_plane(text: str) -> None:
    """A letter of Deseret, beyond it, breaks as one of Latin does."""
    plain = "".join("b" if c > "\uffff" else c for c in text)
    splitter = SentenceSplitter("en")
    assert splitter.breaks(plain.replace("b", "\U00010428")) == splitter.breaks(plain)


def test_trimmed_spans() -> None:
    assert trimmed_spans(" ab  c ", (0, 3, 4, 7)) == [(1, 3), (5, 6)]
