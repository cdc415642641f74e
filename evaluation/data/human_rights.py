"""The Universal Declaration of Human Rights: each of its 30 articles is an item, whose span is the whole article.

The heading of an article is left out, since the number in it would tell which article it is. The text is brought to
NFC, as Wikipedia has it: the package has Vietnamese in decomposed letters, which get other pieces.
"""

import unicodedata
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

from mlukit.evaluation.data.official_files import official_set
from mlukit.evaluation.data.parallel_text import ParallelText

ARTICLES = 30


def read_human_rights(file: Path) -> Iterator[ParallelText]:
    """Yields the articles of a file; the language is the first part of the file's own ("de-1996" is de).

    Raises:
        OfficialFileError: the file names no language, or does not have 30 articles with text.
    """
    official, parser = official_set("udhr"), _ArticleParser()
    parser.feed(unicodedata.normalize("NFC", official.read_text(file)))
    if not parser.language:
        raise official.wrong(file, "it has no element html with the attribute lang")
    articles = {number: " ".join(" ".join(parts).split()) for number, parts in parser.articles.items()}
    if (found := sum(map(bool, articles.values()))) != ARTICLES:
        raise official.wrong(file, f"it has {found} articles with text, and not {ARTICLES}")
    for number, text in articles.items():
        yield ParallelText(parser.language, text, {f"article {number}": (0, len(text))})


class _ArticleParser(HTMLParser):
    """Collects the paragraphs of each article; headings are in <h2>, not in <p>."""

    def __init__(self) -> None:
        super().__init__()
        self.language = ""
        self.articles: dict[str, list[str]] = {}
        self._article: list[str] | None = None
        self._in_paragraph = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "html":
            self.language = (dict(attrs).get("lang") or "").partition("-")[0]
        if tag == "article":
            self._article = self.articles.setdefault(dict(attrs).get("data-number") or "", [])
        self._in_paragraph = self._in_paragraph or tag == "p"

    def handle_endtag(self, tag: str) -> None:
        if tag == "article":
            self._article = None
        self._in_paragraph = self._in_paragraph and tag != "p"

    def handle_data(self, data: str) -> None:
        if self._article is not None and self._in_paragraph:
            self._article.append(data)
