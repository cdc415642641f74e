"""The formats, written literally."""

import io
import json

import pytest

from mlukit.linker.annotation import Annotation, Candidate
from mlukit.linker.write_annotations import FORMATS

TEXT = "Die\tSpree & <i>New York</i>!"
FOUND = [
    Annotation(4, 9, "Spree", "Q1585", "Spree", "Spree", 0.98765, 0.8),
    Annotation(15, 23, "New York", "Q60", None, '"NY"', 1.0, 0.4, (Candidate("Q60", None, '"NY"', 1.0, 1.0),)),
]


def written(name: str, language: str = "de", text: str = TEXT, found: list[Annotation] = FOUND) -> str:
    stream = io.StringIO()
    writer = FORMATS[name](stream, language)
    writer.begin()
    writer.begin_file("a<b>.txt")
    writer.write(1, text, found)
    writer.end()
    return stream.getvalue()


def test_json_lines() -> None:
    assert json.loads(written("jsonl")) == {
        "file": "a<b>.txt",
        "line": 1,
        "text": TEXT,
        "mentions": [
            {
                **{"start": 4, "end": 9, "text": "Spree", "qid": "Q1585", "title": "Spree", "label": "Spree"},
                **{"score": 0.9877, "link_probability": 0.8},
            },
            {
                **{"start": 15, "end": 23, "text": "New York", "qid": "Q60", "title": None, "label": '"NY"'},
                **{"score": 1.0, "link_probability": 0.4},
                "candidates": [{"qid": "Q60", "title": None, "label": '"NY"', "score": 1.0, "prior": 1.0}],
            },
        ],
    }


def test_html() -> None:
    head, _, body = written("html").partition("<body>\n")
    assert head.startswith('<!DOCTYPE html>\n<html lang="de">\n<head>\n<meta charset="utf-8">\n')
    assert "color-scheme: light dark" in head and "prefers-color-scheme: dark" in head
    assert body == (
        "<h2>a&lt;b&gt;.txt</h2>\n"
        '<p dir="auto">Die\t<a href="https://www.wikidata.org/wiki/Q1585" title="Spree (Q1585, 0.99)">Spree</a>'
        ' &amp; &lt;i&gt;<a href="https://www.wikidata.org/wiki/Q60" title="&quot;NY&quot; (Q60, 1.00)">New York</a>'
        "&lt;/i&gt;!</p>\n</body>\n</html>\n"
    )


def test_html_without_forbidden_characters() -> None:
    assert '<p dir="auto">a\ufffdb\ufffd</p>' in written("html", text="a\0b\x1b", found=[])


def test_conll() -> None:
    assert written("conll") == (
        "-DOCSTART- a<b>.txt\n\n"
        "Die\tO\t_\nSpree\tB\tQ1585\n&\tO\t_\n<\tO\t_\ni\tO\t_\n>\tO\t_\nNew\tB\tQ60\nYork\tI\tQ60\n"
        "<\tO\t_\n/\tO\t_\ni\tO\t_\n>\tO\t_\n!\tO\t_\n\n"
    )


def test_conll_cuts_words_where_names_end() -> None:
    found = [Annotation(0, 2, "서울", "Q8684", None, "서울", 1.0, 0.5)]
    assert written("conll", "ko", "서울은", found).splitlines()[2:4] == ["서울\tB\tQ8684", "은\tO\t_"]


@pytest.mark.parametrize("name", FORMATS)
def test_empty_lines(name: str) -> None:
    assert written(name, text="", found=[])
