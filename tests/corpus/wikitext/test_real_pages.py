"""Real pages: the contract holds, and hardly any markup is left."""

import bz2
import gzip
import re
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

from mlukit.corpus.languages.load import any_language
from mlukit.corpus.wikitext import ParsedText, parse_wikitext

DUMPS = Path(__file__).resolve().parents[3].parent / "shared" / "data" / "dumps"
FILES = {
    "en": "enwiki-head-pages-articles.xml.bz2",
    "it": "itwiki-small-pages-articles.xml.gz",
    "ltg": "ltgwiki-complete-pages-articles.xml.bz2",
    "zh": "zhwiki-sample-pages-articles.xml.bz2",
    "nl": "nlwiki-sample-pages-articles.xml.bz2",
    **{code: f"berlin/{code}wiki-berlin-pages-articles.xml.bz2" for code in ("ar", "de", "fr", "hi", "ru", "th", "tr")},
}
MARKUP = re.compile(r"\{\{|\}\}|\[\[|\]\]|''|^==|</?(?:ref|div|span|br)\b|[\x00-\x08\x0b-\x1f]", re.MULTILINE)
PAGES = 40


def pages(code: str) -> Iterator[ParsedText]:
    """The first articles of a dump, parsed."""
    path = DUMPS / FILES[code]
    if not path.exists():
        pytest.skip(f"no {path.name}: real dumps are not part of the repository")
    language = any_language(code)
    with (bz2.open if path.suffix == ".bz2" else gzip.open)(path) as file:
        left = PAGES
        for _, element in ElementTree.iterparse(file):
            if not element.tag.endswith("}page"):
                continue
            space = element.tag.removesuffix("page")
            text = element.findtext(f"{space}revision/{space}text") or ""
            if element.findtext(f"{space}ns") == "0" and not text.startswith("#"):
                yield parse_wikitext(text, element.findtext(f"{space}title") or "", language)
                left -= 1
                if not left:
                    return
            element.clear()


@pytest.mark.parametrize("code", FILES)
def test_contract_and_little_markup_left(code: str) -> None:
    paragraphs = dirty = links = 0
    for parsed in pages(code):
        assert parsed.text == "\n".join(parsed.text[start:end] for start, end in parsed.paragraphs)
        paragraphs += len(parsed.paragraphs)
        dirty += sum(bool(MARKUP.search(parsed.text[start:end])) for start, end in parsed.paragraphs)
        offset = 0
        for link in parsed.links:
            assert offset <= link.start < link.end
            anchor = parsed.text[link.start : link.end]
            assert anchor == anchor.strip() and "\n" not in anchor
            offset = link.end
            links += 1
    assert paragraphs > 20
    assert links > 20
    assert dirty <= max(1, paragraphs / 1000)
