"""The bundled sample is what its sources make, and its languages agree on what they talk about."""

import bz2
import gzip
import importlib.util
import re
import sys
import unicodedata
from pathlib import Path
from types import ModuleType

import pytest

SAMPLE = Path(__file__).resolve().parents[1] / "sample"
DUMPS = SAMPLE / "dumps"


def _load_script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_sample", SAMPLE / "make_sample.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["make_sample"] = module
    spec.loader.exec_module(module)
    return module


make_sample = _load_script()
ITEMS = make_sample.read_sitelinks()
LANGUAGES = make_sample.LANGUAGES
WIKIS = {language: make_sample.read_wiki(language) for language in LANGUAGES}


def sql(name: str) -> str:
    return gzip.decompress((DUMPS / name).read_bytes()).decode()


def test_dumps_are_what_the_sources_make() -> None:
    made = make_sample.make_files()
    assert sorted(made) == sorted(file.name for file in DUMPS.iterdir())
    for name, content in made.items():
        there = (DUMPS / name).read_bytes()
        if name.endswith(".gz"):  # zlib's versions compress differently
            content, there = gzip.decompress(content), gzip.decompress(there)
        assert content == there, f"{name}: run python sample/make_sample.py"


def test_small() -> None:
    assert sum(file.stat().st_size for file in DUMPS.iterdir()) < 400_000


def test_languages_and_scripts() -> None:
    letters = {language: _script(WIKIS[language].pages[0].title) for language in LANGUAGES}
    assert letters == {
        "en": "LATIN",
        "de": "LATIN",
        "es": "LATIN",
        "ru": "CYRILLIC",
        "ar": "ARABIC",
        "hi": "DEVANAGARI",
        "ja": "KATAKANA",
        "zh": "CJK",
        "th": "THAI",
        "ko": "HANGUL",
    }


def _script(title: str) -> str:
    return unicodedata.name(title[0]).split()[0]


@pytest.mark.parametrize("language", LANGUAGES)
def test_enough_articles(language: str) -> None:
    pages = WIKIS[language].pages
    articles = [page for page in pages if page.namespace == 0 and page.redirect is None and not page.mark]
    assert len(articles) >= 20
    assert sum(page.redirect is not None for page in pages) >= 5
    assert any(page.namespace == 10 for page in pages) and any(page.namespace == 14 for page in pages)


@pytest.mark.parametrize("language", sorted(make_sample.PAGE_PROPS))
def test_page_props_agree_with_the_sitelinks(language: str) -> None:
    rows = re.findall(r"\((\d+),'wikibase_item','Q(\d+)'", sql(f"{language}wiki-20260901-page_props.sql.gz"))
    titles = {page.page_id: page.title for page in WIKIS[language].pages}
    assert len(rows) >= 20
    for page_id, qid in rows:
        assert ITEMS[int(qid)][language] == titles[int(page_id)]


def test_disambiguation_pages_are_marked() -> None:
    rows = re.findall(r"\((\d+),'disambiguation'", sql("enwiki-20260901-page_props.sql.gz"))
    titles = {page.page_id: page.title for page in WIKIS["en"].pages}
    assert [titles[int(page_id)] for page_id in rows] == [
        "Berlin (disambiguation)",
        "Paris (disambiguation)",
        "Mercury",
    ]


def test_shared_sitelinks_leave_the_carried_languages_out() -> None:
    rows = re.findall(r"^\(\d+,(\d+),'(\w+)wiki','(.*)'\)[,;]$", _sitelinks(), re.MULTILINE)
    assert {language for _, language, _ in rows} == {*LANGUAGES, "fr"} - {"th", "ko"}
    for qid, language, title in rows:
        assert ITEMS[int(qid)][language] == title.replace("\\'", "'")


def _sitelinks() -> str:
    return sql("wikidatawiki-20260901-wb_items_per_site.sql.gz").replace("VALUES (", "VALUES\n(")


def test_interlanguage_links_agree_with_the_sitelinks() -> None:
    items = {names["ko"]: names for names in ITEMS.values() if "ko" in names}
    carried = 0
    for page in WIKIS["ko"].pages:
        for language, title in re.findall(r"\[\[([a-z]{2}):([^\]]+)\]\]", page.text):
            assert items[page.title][language] == title
            carried += 1
    assert carried >= 50


@pytest.mark.parametrize("language", LANGUAGES)
def test_most_links_lead_to_an_item(language: str) -> None:
    pages = WIKIS[language].pages
    known = {names[language] for names in ITEMS.values() if language in names}
    if language in make_sample.CARRIED:
        known &= {page.title for page in pages}
    known |= {page.title for page in pages if page.redirect is not None}
    targets = [
        target[:1].upper() + target[1:].replace("_", " ")
        for page in pages
        if page.namespace == 0 and page.redirect is None
        for target in re.findall(r"\[\[([^\]|#:\[]+)(?=[\]|#])", page.text)
    ]
    assert sum(target in known for target in targets) / len(targets) > 0.75


def test_multistream_index_leads_to_its_pages() -> None:
    data = (DUMPS / "enwiki-20260901-pages-articles-multistream.xml.bz2").read_bytes()
    index = bz2.decompress((DUMPS / "enwiki-20260901-pages-articles-multistream-index.txt.bz2").read_bytes()).decode()
    for line in index.splitlines():
        offset, page_id, title = line.split(":", 2)
        stream = bz2.BZ2Decompressor().decompress(data[int(offset) :]).decode()
        assert f"<title>{title}</title>" in stream and f"<id>{page_id}</id>" in stream
    assert len(index.splitlines()) == len(WIKIS["en"].pages)
