"""Parallel texts in their three forms, the choice of items, and files that are wrong."""

import json
from pathlib import Path
from typing import Any

import pytest

from mlukit.evaluation.data.official_files import official_set
from mlukit.evaluation.data.parallel_data import choose_items, read_parallel_items
from mlukit.evaluation.data.parallel_text import ParallelText
from mlukit.evaluation.errors import EvaluationError

XQUAD = Path(__file__).resolve().parents[4] / "shared/data/evaluation/xquad"
LINE = {"id": "1", "language": "en", "text": "Berlin is big.", "spans": {"a": [0, 6], "b": [10, 13]}}


def write_lines(folder: Path, *lines: Any) -> Path:
    (folder / "texts.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


def write_xquad(folder: Path, language: str, answer: str, start: int = 0) -> None:
    answers = [{"text": answer, "answer_start": start}]
    questions = [{"id": "q1", "question": "?", "answers": answers}]
    questions.append({"id": "q2", "question": "?", "answers": [{"text": "7", "answer_start": 7}]})
    content = {"data": [{"title": "x", "paragraphs": [{"context": "Berlin 7", "qas": questions}]}]}
    (folder / f"xquad.{language}.json").write_text(json.dumps(content))


def write_declaration(folder: Path, name: str, language: str, articles: int = 30) -> None:
    (folder / "declaration").mkdir(exist_ok=True)
    body = "".join(
        f'<article data-number="{number}"><h2>Article {number}</h2><p>{language}  word{number},</p>'
        f"<ol><li><p>more &amp; more.</p></li></ol></article>"
        for number in range(1, articles + 1)
    )
    text = f'<!doctype html><html lang="{language}"><header><p>Preamble</p></header>{body}</html>'
    (folder / "declaration" / f"{name}.html").write_text(text)


def test_json_lines(tmp_path: Path) -> None:
    found = read_parallel_items(write_lines(tmp_path, LINE, {**LINE, "language": "de", "text": "BERLIN ist 3,5"}))
    assert (found.languages, found.names, found.left_out) == (["de", "en"], ["1 a", "1 b"], {})
    assert found.texts[1] == ParallelText("en", "Berlin is big.", {"1 a": (0, 6), "1 b": (10, 13)})
    assert read_parallel_items(tmp_path / "texts.jsonl", ["en", "de"]).languages == ["en", "de"]


def test_xquad(tmp_path: Path) -> None:
    for language in ("en", "zh"):
        write_xquad(tmp_path, language, "Berlin")
    found = read_parallel_items(tmp_path)
    assert (found.languages, found.names) == (["en", "zh"], ["q1", "q2"])
    assert found.texts[0] == ParallelText("en", "Berlin 7", {"q1": (0, 6), "q2": (7, 8)})
    assert len(found.files) == 2


@pytest.mark.skipif(not XQUAD.is_dir(), reason="needs ../shared/data/evaluation/xquad")
def test_the_real_xquad() -> None:
    found = read_parallel_items(XQUAD)
    assert found.languages == ["ar", "de", "en", "es", "hi", "th", "zh"]
    assert len(found.names) + sum(map(len, found.left_out.values())) == 1_190
    assert {reason: len(names) for reason, names in found.left_out.items()} == {"words of another item": 122}


def test_the_declaration_of_human_rights(tmp_path: Path) -> None:
    write_declaration(tmp_path, "eng", "en")
    write_declaration(tmp_path, "deu_1996", "de-a\u0308")
    found = read_parallel_items(tmp_path)
    assert (found.languages, len(found.names), found.names[:2]) == (["de", "en"], 30, ["article 1", "article 2"])
    assert found.texts[0] == ParallelText("de", "de-ä word1, more & more.", {"article 1": (0, 24)})


def test_every_language_of_the_declaration_is_one_of_mlukes() -> None:
    assert len(official_set("udhr").files) == 24


def text(language: str, **words: str) -> ParallelText:
    joined, spans, start = " ".join(words.values()), {}, 0
    for name, word in words.items():
        spans[name] = start, start + len(word)
        start += len(word) + 1
    return ParallelText(language, joined, spans)


def test_repeated_and_missing_items_are_named() -> None:
    texts = [
        text("en", a="one", b="two", c="ONE", d="three", e="four", f="five"),
        text("de", a="eins", b="zwei", c="ein", d="drei", e="zwei", f="fünf"),
        text("th", a="1", b="2", c="9", d="３", e="4"),
    ]
    names, left_out = choose_items(texts)
    assert names == ["a", "b", "d"]
    assert left_out == {"words of another item": ["c", "e"], "not in th": ["f"]}
    again, _ = choose_items([*texts, text("th", x="3", f="5")])
    assert again == ["a", "b", "d", "f"]


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([{**LINE, "spans": {"a": [0, 99]}}], "line 1: the span 'a' is [0, 99]; accepted: [start, end] of words in"),
        ([{**LINE, "spans": {"a": [6, 7]}}], "line 1: the span 'a' is [6, 7]"),
        ([{**LINE, "spans": [0, 6]}], "line 1: 'spans' is [0, 6]; accepted: {\"id\""),
        ([{**LINE, "id": 1}], "line 1: 'id' is 1; accepted"),
        ([[]], "line 1: 'id' is None; accepted"),
        ([LINE, LINE, {**LINE, "language": "de"}], "the item '1 a' is there twice in en; accepted: once"),
        ([LINE], "only the language en; two or more are needed"),
        ([LINE, {**LINE, "language": "de", "spans": {}}], "has fewer than two items that can be compared in de, en"),
    ],
)
def test_wrong_lines(tmp_path: Path, lines: list[Any], said: str) -> None:
    with pytest.raises(EvaluationError) as raised:
        read_parallel_items(write_lines(tmp_path, *lines))
    assert said in str(raised.value) and "\n" not in str(raised.value)


def test_a_line_that_is_not_json(tmp_path: Path) -> None:
    (tmp_path / "texts.jsonl").write_bytes(b"{\xff}\n")
    with pytest.raises(EvaluationError, match=r"texts\.jsonl line 1 is not JSON in UTF-8 .*accepted: \{"):
        read_parallel_items(tmp_path)


def test_files_of_xquad_that_are_wrong(tmp_path: Path) -> None:
    write_xquad(tmp_path, "en", "Berlin")
    write_xquad(tmp_path, "de", "Berlin", start=1)
    with pytest.raises(EvaluationError, match="the answer 'Berlin' of question 'q1' is not at its answer_start") as at:
        read_parallel_items(tmp_path)
    assert "https://github.com/google-deepmind/xquad" in str(at.value)
    (tmp_path / "xquad.de.json").write_text('{"data": [{}]}')
    with pytest.raises(EvaluationError, match=r"xquad\.de\.json: it cannot be read \(KeyError\('paragraphs'\)\)"):
        read_parallel_items(tmp_path)


def test_a_declaration_without_an_article(tmp_path: Path) -> None:
    write_declaration(tmp_path, "eng", "en", articles=29)
    with pytest.raises(EvaluationError, match="it has 29 articles with text, and not 30"):
        read_parallel_items(tmp_path)


def test_nothing_to_read(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match=r"has no parallel texts; accepted: XQuAD .*\*\.jsonl like"):
        read_parallel_items(tmp_path)
    with pytest.raises(EvaluationError, match="is not there"):
        read_parallel_items(tmp_path / "nowhere")
    write_xquad(tmp_path, "en", "Berlin")
    with pytest.raises(EvaluationError, match="has no texts in xx; it has en"):
        read_parallel_items(tmp_path, ["en", "xx"])
