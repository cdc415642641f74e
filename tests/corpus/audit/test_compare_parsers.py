"""Our reading of real pages beside mwparserfromhell's: where they differ, one of MediaWiki's rules says why.

    python -m tests.corpus.audit.test_compare_parsers

reads every page of the dumps instead of a sample, in some minutes, and writes the rules into
docs/mwparserfromhell.md and the tables into docs/results/mwparserfromhell.md.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import pytest

from mlukit.corpus.audit.compare_parsers import UNEXPLAINED, Difference, Kind, compare, number_of
from mlukit.corpus.audit.mediawiki_rules import RULES
from mlukit.corpus.dumps.files import FileInfo
from mlukit.corpus.dumps.pages import PageReader
from mlukit.corpus.dumps.ranges import plan_ranges
from mlukit.corpus.languages.load import any_language
from mlukit.corpus.titles.normalise import namespace_of
from mlukit.schemas.records import Page

ROOT = Path(__file__).resolve().parents[3]
DUMPS = ROOT.parent / "shared/data/dumps"
DOCUMENT = ROOT / "docs/mwparserfromhell.md"
RESULTS = ROOT / "docs/results/mwparserfromhell.md"
SAMPLE = 15  # pages of a dump
NAMES = [rule.name for rule in RULES]
BERLIN = "berlin"
KINDS: tuple[Kind, ...] = ("link", "heading", "label", "paragraph")
NOT_UTF8 = {"bgwiki-latest-pages-articles-shortened.xml.bz2"}

Row = tuple[str, str, tuple[str, ...]]


def _open(path: str) -> BinaryIO:
    return Path(path).open("rb")


def dumps() -> list[Path]:
    """The real dumps that can be read; none where they are absent."""
    paths = sorted(path for pattern in ("*.bz2", "*.gz", "berlin/*.bz2") for path in DUMPS.glob(pattern))
    return [path for path in paths if path.name not in NOT_UTF8]


def articles(dump: Path) -> Iterator[Page]:
    """The articles of a dump, redirects left out."""
    language = any_language(dump.name.partition("wiki")[0])
    redirect = tuple(word.lower() for word in language.redirect_words)
    for part in plan_ranges(language.code, [FileInfo(str(dump), dump.stat().st_size)]):
        for page in PageReader(_open, part, "link"):
            if not isinstance(page, Page) or page.redirect or page.text.lstrip().lower().startswith(redirect):
                continue
            if page.namespace is not None or namespace_of(page.title, language) == 0:
                yield page


def sample(pages: Iterable[Page], size: int) -> list[Page]:
    """The pages whose titles have the smallest hashes: the same on every run."""
    return sorted(pages, key=lambda page: hashlib.sha256(page.title.encode()).digest())[:size]


@pytest.mark.parametrize("dump", dumps() or [None], ids=lambda dump: dump.name.split(".")[0] if dump else "none")
def test_every_difference_on_real_pages_has_a_rule(dump: Path | None) -> None:
    if dump is None:
        pytest.skip(f"no dumps in {DUMPS}")
    language = any_language(dump.name.partition("wiki")[0])
    pages = sample(articles(dump), SAMPLE)
    assert pages
    unexplained = [
        (page.title, difference)
        for page in pages
        for difference in compare(page.text, page.title, language)[1]
        if difference.name == UNEXPLAINED
    ]
    assert unexplained == []


# language, wikitext, and what is found: rule, side, (kind, target or level, text)
EXAMPLES: list[tuple[str, str, list[Row]]] = [
    ("en", "a ''[[b|c]]'' [http://d e] f", []),
    ("en", "[[b]]''s'' {{x}}", []),
    (
        "en",
        "[[dog]]s",
        [
            ("link trail", "theirs", ("link", "en:Dog", "dog")),
            ("link trail", "ours", ("link", "en:Dog", "dogs")),
        ],
    ),
    (
        "ar",
        "ال[[أ]]",
        [("link trail", "theirs", ("link", "ar:أ", "أ")), ("link trail", "ours", ("link", "ar:أ", "الأ"))],
    ),
    (
        "en",
        "{{x}} [[A&nbsp;B]]",
        [
            ("entity in a target", "theirs", ("link", "en:A B", "A&nbsp;B")),
            ("entity in a target", "ours", ("link", "en:A B", "A B")),
        ],
    ),
    ("en", "[[T]] and [[T#x]]", [("self link", "theirs", ("link", "en:T", "T"))]),
    ("en", "{{nowrap|[[a]]}} b", [("template shows text", "ours", ("link", "en:A", "a"))]),
    ("en", "[[a|{{x}}]]", [("empty anchor", "theirs", ("link", "en:A", ""))]),
    (
        "en",
        "[[a|[b]]]",
        [
            ("bracket in an anchor", "theirs", ("link", "en:A", "[b")),
            ("bracket in an anchor", "ours", ("link", "en:A", "[b]")),
        ],
    ),
    (
        "en",
        "a\n<!-- c -->\nb",
        [("comment", "theirs", ("paragraph", "", "a")), ("comment", "theirs", ("paragraph", "", "b"))],
    ),
    (
        "en",
        "a<ref>''[[b]]</ref> c''",
        [
            ("note", "theirs", ("link", "en:B", "b")),
            ("note", "theirs", ("paragraph", "", "a<ref>b</ref> c")),
        ],
    ),
    (
        "en",
        "{{a|''[[b]]}} c''",
        [("braces", "theirs", ("link", "en:B", "b")), ("braces", "theirs", ("paragraph", "", "{{a|b}} c"))],
    ),
    (
        "zh",
        "-{zh-hans:甲;zh-hant:乙}-",
        [("variants", "theirs", ("paragraph", "", "-{zh-hans:甲;zh-hant:乙}-"))],
    ),
    (
        "en",
        "{|\n|[[a]]\n</table>\n{{x}} [[b]]",
        [
            ("HTML table", "theirs", ("link", "en:A", "a")),
        ],
    ),
    (
        "en",
        "{|\n|[[a]]\n\n{{x}} [[b]]",
        [
            ("table", "theirs", ("link", "en:A", "a")),
            ("table", "theirs", ("link", "en:B", "b")),
            ("table", "theirs", ("paragraph", "", "{| |a")),
        ],
    ),
    ("en", "a </p> b", [("HTML tag", "theirs", ("paragraph", "", "a </p> b"))]),
    (
        "en",
        "{{x}}\n|[[a]]\n",
        [
            ("code of a table", "theirs", ("link", "en:A", "a")),
            ("code of a table", "theirs", ("paragraph", "", "|a")),
        ],
    ),
    ("en", "__NOTOC__ a", [("behaviour switch", "theirs", ("paragraph", "", "__NOTOC__ a"))]),
    (
        "en",
        "== a == b",
        [
            ("heading in a line", "theirs", ("heading", "2", "a")),
            ("heading in a line", "theirs", ("paragraph", "", "b")),
        ],
    ),
    ("en", '"[http://a  b]"', [("space before a label", "theirs", ("paragraph", "", '" b"'))]),
    ("en", "a ''b c", [("quotes", "theirs", ("paragraph", "", "a ''b c"))]),
]


@pytest.mark.parametrize("code, wikitext, expected", EXAMPLES)
def test_rule(code: str, wikitext: str, expected: list[Row]) -> None:
    _, found = compare(wikitext, "T", any_language(code))
    assert [(d.name, d.side, d.fact) for d in found] == expected


def test_every_rule_has_an_example_and_stands_in_the_documentation() -> None:
    assert {name for _, _, rows in EXAMPLES for name, _, _ in rows} == set(NAMES)
    document = DOCUMENT.read_text(encoding="utf-8")
    for rule in RULES:
        assert f"- **{rule.name}**: {rule.reason}\n" in document


def test_what_no_rule_explains_is_unexplained() -> None:
    _, found = compare("[[a|b [[c]] d]]", "T", any_language("en"))
    assert {difference.name for difference in found} == {UNEXPLAINED}


def test_a_link_with_another_anchor_is_one_difference() -> None:
    _, found = compare("[[dog]]s, [[cat]]s and [[T]]", "T", any_language("en"))
    assert number_of(found) == {"link trail": 2, "self link": 1}


@dataclass
class Column:
    """What was found on the pages of a dump."""

    pages: int = 0
    size: int = 0  # bytes of wikitext
    facts: Counter[Kind] = field(default_factory=Counter)
    differences: Counter[str] = field(default_factory=Counter)
    unexplained: list[tuple[str, Difference]] = field(default_factory=list)

    def add(self, page: Page, facts: Counter[Kind], found: list[Difference]) -> None:
        self.pages += 1
        self.size += len(page.text.encode())
        self.facts += facts
        self.differences += number_of(found)
        self.unexplained += ((page.title, difference) for difference in found if difference.name == UNEXPLAINED)


def read_dumps() -> dict[str, Column]:
    """Every page of every dump; the dumps of one article in many languages are one column."""
    columns: dict[str, Column] = {}
    for dump in dumps():
        code = dump.name.partition("wiki")[0]
        name = BERLIN if dump.parent.name == BERLIN else dump.name.partition("-pages-articles")[0]
        column = columns.setdefault(name, Column())
        for page in articles(dump):
            column.add(page, *compare(page.text, page.title, any_language(code)))
        print(f"{dump.name}: {column.pages} pages, {len(column.unexplained)} differences unexplained", flush=True)
    return columns


def tables(columns: dict[str, Column]) -> str:
    """Two Markdown tables: what was compared, and how often which rule explains a difference."""
    heads = ["dump", "pages", "MB", *(f"{kind}s" for kind in KINDS), "differ", UNEXPLAINED]
    rows = [
        [
            *(name, f"{column.pages:,}", f"{column.size / 1e6:.1f}"),
            *(f"{column.facts[kind]:,}" for kind in KINDS),
            *(f"{column.differences.total():,}", f"{len(column.unexplained):,}"),
        ]
        for name, column in columns.items()
    ]
    counts = [
        [rule, *(f"{column.differences[rule]:,}" for column in columns.values()), f"{total:,}"]
        for rule in (*NAMES, UNEXPLAINED)
        for total in [sum(column.differences[rule] for column in columns.values())]
    ]
    return f"{_table(heads, rows)}\n{_table(['rule', *columns, 'all'], counts)}"


def _table(heads: list[str], rows: list[list[str]]) -> str:
    lines = [heads, ["---", *["---:"] * (len(heads) - 1)], *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def main() -> None:
    """Write the rules with their reasons, and the tables, into the documents."""
    columns = read_dumps()
    if not columns:
        raise SystemExit(f"no dumps in {DUMPS}")
    rules = "".join(f"- **{rule.name}**: {rule.reason}\n" for rule in RULES)
    for document, mark, content in ((DOCUMENT, "rules", rules), (RESULTS, "tables", tables(columns))):
        before, _, rest = document.read_text(encoding="utf-8").partition(f"<!-- {mark} -->")
        _, end, after = rest.partition(f"<!-- end of {mark} -->")
        document.write_text(f"{before}<!-- {mark} -->\n{content}{end}{after}", encoding="utf-8")
    for name, column in columns.items():
        for title, difference in column.unexplained:
            print(f"{name} | {title} | {difference}")


if __name__ == "__main__":
    main()
