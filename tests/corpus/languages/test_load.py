"""Language tables: what is in them, what makes them, and the real dumps that they must agree with."""

import gzip
import json
import pickle
import re
import subprocess
import sys
from pathlib import Path
from typing import BinaryIO

import pytest

from mlukit.corpus.dumps.pages import PageReader
from mlukit.corpus.dumps.ranges import DumpRange
from mlukit.corpus.dumps.siteinfo import read_siteinfo
from mlukit.corpus.languages.load import (
    any_language,
    generic_language,
    language_codes,
    load_language,
    wikipedia_codes,
    with_namespaces,
)
from mlukit.corpus.languages.tables import read_table
from mlukit.corpus.titles.normalise import Title, fold_name, namespace_of, normalise_title, page_title
from mlukit.corpus.titles.page_kind import classify
from mlukit.corpus.titles.redirect_target import redirect_target
from mlukit.schemas.records import Page

ROOT = Path(__file__).resolve().parents[3]
TABLES = ROOT / "corpus" / "languages"
SHARED = ROOT.parent / "shared"
DUMPS = SHARED / "data" / "dumps"
THE_24 = ["ar", "bn", "de", "el", "en", "es", "fi", "fr", "hi", "id", "it", "ja"]
THE_24 += ["ko", "nl", "pl", "pt", "ru", "sv", "sw", "te", "th", "tr", "vi", "zh"]
WITH_A_TABLE = {*THE_24, "fa", "bg", "ltg"}  # at least; all of them are in docs/languages.md, as a test there holds
READ_WHOLE = {
    "bn": "bnwiki-20230501-head-pages-articles.xml.bz2",
    "el": "elwiki-20230501-head-pages-articles.xml.bz2",
    "en": "enwiki-latest-pages-articles1.xml-p000000010p000030302-shortened.bz2",
    "it": "itwiki-small-pages-articles.xml.gz",
    "ltg": "ltgwiki-complete-pages-articles.xml.bz2",
    "vi": "viwiki-20230501-head-pages-articles.xml.bz2",
    "zh": "zhwiki-sample-pages-articles.xml.bz2",
}


def open_file(path: str) -> BinaryIO:
    return Path(path).open("rb")


def pages_of(code: str) -> list[Page]:
    path = DUMPS / READ_WHOLE[code]
    if not path.exists():
        pytest.skip(f"no real data at {path}")
    whole = DumpRange(code, str(path), path.stat().st_size, 0, path.stat().st_size, 0)
    found = PageReader(open_file, whole, "link", keep_namespaces=frozenset(range(-2, 3000)))
    return [page for page in found if isinstance(page, Page)]


def test_every_language_has_its_two_files() -> None:
    assert set(language_codes()) >= WITH_A_TABLE
    assert {path.stem for path in TABLES.glob("*.json")} == {*language_codes(), "interwiki", "messages"}
    shared = {"disambiguation", "quotation_marks", "sentences", "variants", "wikipedias", "word_breaks"}
    assert {path.stem for path in TABLES.glob("*.toml")} == {*language_codes(), *shared}


@pytest.mark.parametrize("code", language_codes())
def test_a_table_is_whole(code: str) -> None:
    language = load_language(code)
    assert language.code == code
    assert {-2, -1, *range(16)} <= language.namespace_names.keys()
    for number, name in language.namespace_names.items():
        assert number == 0 or language.namespaces[fold_name(name)] == number
    for english, number in {
        "file": 6,
        "image": 6,
        "category": 14,
        "template": 10,
        "user talk": 3,
        "project": 4,
    }.items():
        assert language.namespaces[english] == number
    assert all(name == fold_name(name) for name in (*language.namespaces, *language.interwiki))
    assert "#REDIRECT" in language.redirect_words
    assert {"__NOTOC__", "__TOC__", "__DISAMBIG__"} <= language.behaviour_switches
    assert re.compile(language.link_trail) and re.compile(language.link_prefix)
    assert language.capitalised and code in language.local_interwiki
    assert {language.interwiki[prefix] for prefix in language.local_interwiki} == {code}
    rules = language.kinds
    assert rules.disambiguation_title and rules.list_title and rules.list_category and rules.date_title
    assert {"disambig", *rules.disambiguation_templates} == rules.disambiguation_templates
    sources = json.loads((TABLES / f"{code}.json").read_text(encoding="utf-8"))["sources"]
    assert {"namespaces", "redirect_words", "link_trail", "behaviour_switches"} <= sources.keys()


def test_trails_and_prefixes() -> None:
    trails = {code: re.compile(load_language(code).link_trail) for code in language_codes()}

    def trail(code: str, text: str) -> str:
        match = trails[code].match(text)
        return match[0] if match else ""

    assert trail("en", "s and") == "s" and trail("en", "és") == "" and trail("en", "'s") == ""
    assert trail("de", "ähnlich.") == "ähnlich" and trail("fi", "ssä, jossa") == "ssä"
    assert trail("ru", "ами") == "ами" and trail("pl", "ów") == "ów" and trail("tr", "nın") == "nın"
    assert trail("ar", "ات،") == "ات" and trail("bn", "ের শহর") == "ের" and trail("zh", "abc") == ""
    assert trail("ja", "の") == "" and trail("th", "ๆ") == "" and trail("ltg", "ys") == "ys"
    assert re.search(rf"{load_language('ar').link_prefix}$", "في ال").group() == "ال"  # type: ignore[union-attr]
    assert all(load_language(code).link_prefix == "" for code in WITH_A_TABLE if code != "ar")


def test_the_variants_of_chinese() -> None:
    chinese = load_language("zh")
    assert set(chinese.variants) == {"zh", "zh-hans", "zh-hant", "zh-cn", "zh-tw", "zh-hk", "zh-mo", "zh-sg", "zh-my"}
    assert chinese.variant_fallbacks["zh-hk"] == ("zh-mo", "zh-hant", "zh-tw")
    assert load_language("en").variants == ()


def test_what_only_some_wikipedias_have() -> None:
    turkish = {"i": "İ", "ı": "I"}
    capitals = {code: any_language(code).uppercase for code in ("tr", "az", "kaa", "de", "uk")}
    assert capitals == {"tr": turkish, "az": {"i": "İ"}, "kaa": {"i": "İ"}, "de": {}, "uk": {}}
    assert [any_language(code).capitalised for code in ("jbo", "en", "uk")] == [False, True, True]
    assert any_language("zh").title_converters == ("Hant-Hans", "Hans-Hant")
    assert any_language("sr").title_converters == any_language("de").title_converters == ()


def test_shared_tables_say_nothing_of_a_language_that_has_its_own() -> None:
    for name in ("disambiguation.toml", "variants.toml"):
        assert read_table(name).keys() <= wikipedia_codes() - set(language_codes()), name
    wikipedias = read_table("wikipedias.toml")
    assert wikipedias.keys() <= wikipedia_codes()
    assert {code for code, row in wikipedias.items() if row.keys() - {"wiki"}}.isdisjoint(language_codes())


def test_interwiki_prefixes() -> None:
    german = load_language("de")
    assert german.interwiki["fr"] == "fr" and german.interwiki["w"] == "en" and german.interwiki["wikt"] is None
    assert german.interwiki["nb"] == "no" and german.interwiki["be-x-old"] == "be-tarask"
    assert "nostalgia" in german.interwiki and german.interwiki["nostalgia"] is None
    assert load_language("zh").local_interwiki == {"zh", "zh-cn", "zh-tw"}
    assert len(wikipedia_codes()) > 330


@pytest.mark.parametrize(
    ("code", "nearest"), [("dee", "'de'"), ("DE", "'de'"), ("en-gb", "'en'"), ("zhh", "'zh'"), ("pt_br", "'pt'")]
)
def test_a_mistyped_code_names_the_nearest(code: str, nearest: str) -> None:
    with pytest.raises(ValueError, match=f"{code!r}; did you mean {nearest}"):
        load_language(code)


def test_a_code_of_no_wikipedia_is_an_error() -> None:
    with pytest.raises(ValueError, match="no Wikipedia has the code 'xyzzy'"):
        generic_language("xyzzy")
    with pytest.raises(ValueError, match="no Wikipedia has the code 'enwikt'"):
        any_language("enwikt")


def test_a_language_is_loaded_once() -> None:
    assert load_language("de") is load_language("de") is any_language("de")
    assert any_language("uk") is any_language("uk")
    assert repr(load_language("de")) == "Language('de')"
    assert pickle.loads(pickle.dumps(load_language("zh"))).namespaces == load_language("zh").namespaces


@pytest.mark.parametrize("code", sorted(wikipedia_codes()))
def test_every_wikipedia_can_be_read(code: str) -> None:
    language = any_language(code)
    assert normalise_title("Category:x y", language) is not None
    assert language.namespaces["image"] == 6
    assert re.compile(language.link_trail) and re.compile(language.link_prefix)


def test_a_wikipedia_without_a_table_has_what_mediawiki_ships() -> None:
    ukrainian = generic_language("uk", {4: "Вікіпедія", 100: "Портал"})
    assert normalise_title("Файл:x.jpg", ukrainian) == Title("uk", 6, "Файл:X.jpg")
    assert normalise_title("вікіпедія:кнайпа", ukrainian) == Title("uk", 4, "Вікіпедія:Кнайпа")
    assert normalise_title("Портал:київ", ukrainian) == Title("uk", 100, "Портал:Київ")
    assert redirect_target("#ПЕРЕНАПРАВЛЕННЯ [[київ]]", ukrainian) == Title("uk", 0, "Київ")
    assert re.match(ukrainian.link_trail, "ській")
    assert generic_language("be-tarask").wiki == "be_x_oldwiki"
    assert normalise_title("coi", generic_language("jbo")) == Title("jbo", 0, "coi")
    assert normalise_title("istanbul", generic_language("az")) == Title("az", 0, "İstanbul")
    assert generic_language("tok").interwiki["tok"] == "tok"


def test_kinds_in_a_wikipedia_without_a_table() -> None:
    czech = generic_language("cs")
    assert classify("Merkur", 0, ["Rozcestník"], [], czech) == "disambiguation"
    assert classify("Merkur (rozcestník)", 0, [], [], czech) == "disambiguation"
    assert classify("1987", 0, [], [], czech) == "date"
    assert classify("12", 0, [], [], czech) == classify("Praha", 0, ["Infobox"], [], czech) == "article"


def test_header_names_are_added_and_never_replace() -> None:
    german = load_language("de")
    english_header = {6: "File", 4: "Wikipedia", 100: "Buch", 118: "Draft", 0: "", 2: "Hilfe"}
    added = with_namespaces(german, english_header)
    assert added.namespaces["draft"] == 118 and added.namespace_names[118] == "Draft"
    assert added.namespaces["buch"] == 100 and added.namespace_names[100] == "Portal"
    assert added.namespaces["hilfe"] == 12
    assert added.namespace_names[6] == "Datei"
    assert german.namespaces.items() <= added.namespaces.items()
    assert with_namespaces(german, {6: "Datei", 0: ""}) is german


@pytest.mark.parametrize("code", READ_WHOLE)
def test_titles_of_a_dump_are_normal_and_in_the_namespace_it_says(code: str) -> None:
    language = load_language(code)
    wrong = []
    for page in pages_of(code):
        title = page_title(page.title, language)
        numbers = (title.namespace if title else None, namespace_of(page.title, language))
        if title is None or title.title != page.title or numbers != (page.namespace, page.namespace):
            wrong.append((page.title, page.namespace))
    # Saved under a name that was none of the wiki's at its time; MediaWiki itself could not reach it.
    assert wrong == ([("Kategorija:Lītuotuoj Vikitekā", 0)] if code == "ltg" else [])


@pytest.mark.parametrize("code", READ_WHOLE)
def test_redirects_of_a_dump_lead_where_it_says(code: str) -> None:
    language = load_language(code)
    for page in pages_of(code):
        target = redirect_target(page.text, language)
        assert (page.redirect is None) == (target is None), page.title
        if target is not None and page.redirect is not None:
            assert page_title(page.redirect, language) == Title(target.language, target.namespace, target.title)


def test_kinds_in_dumps() -> None:
    found = {
        (code, page.title): classify(page.title, 0, re.findall(r"\{\{([^|{}]+)", page.text), (), load_language(code))
        for code in ("en", "it", "ltg", "vi")
        for page in pages_of(code)
        if page.namespace == 0 and page.redirect is None
    }
    assert found["en", "Austin (disambiguation)"] == found["en", "Aa River"] == "disambiguation"
    assert found["en", "Anarchism"] == found["en", "Ayn Rand"] == "article"
    assert found["it", "Anni 1960"] == found["vi", "26 tháng 1"] == found["ltg", "20 godu symts"] == "date"
    assert found["it", "Albanella"] == found["vi", "VN"] == found["ltg", "Process"] == "disambiguation"
    assert found["it", "Lista di astronauti e cosmonauti"] == "list"
    assert sum(kind == "disambiguation" for (code, _), kind in found.items() if code == "it") == 31


def test_a_header_fits_its_table() -> None:
    for code in ("bn", "el", "ltg", "vi"):
        path = DUMPS / READ_WHOLE[code]
        if not path.exists():
            pytest.skip(f"no real data at {path}")
        names = read_siteinfo(open_file, str(path), path.stat().st_size).namespaces
        language = load_language(code)
        known = {number: language.namespaces.get(fold_name(name), number) for number, name in names.items()}
        assert known == {number: number for number in names}


def test_the_tables_are_what_the_script_makes(tmp_path: Path) -> None:
    siteinfo, trails = SHARED / "data" / "siteinfo", SHARED / "reference" / "linktrails_namespaces.json"
    if not siteinfo.exists() or not trails.exists():
        pytest.skip(f"no real data at {siteinfo}, {trails}")
    script = ROOT / "tools" / "make_language_tables.py"
    subprocess.run(
        [sys.executable, script, "--output", tmp_path, "siteinfo", siteinfo, trails], check=True, capture_output=True
    )
    made = {path.name: path.read_text(encoding="utf-8") for path in tmp_path.glob("*.json")}
    assert len(made) == 26
    assert made == {name: (TABLES / name).read_text(encoding="utf-8") for name in made}


SITEINFO = """<?xml version="1.0"?><api><query>
<namespaces><ns id="0" case="first-letter" /><ns id="6" case="first-letter" canonical="File">Fitxer</ns></namespaces>
<namespacealiases><ns id="6">Imatge</ns></namespacealiases>
<magicwords>
<magicword name="redirect"><aliases><alias>#REDIRECCIÓ</alias><alias>#REDIRECT</alias></aliases></magicword>
<magicword name="notoc"><aliases><alias>__NOTAULA__</alias><alias>__NOTOC__</alias></aliases></magicword>
</magicwords>
<interwikimap>
<iw prefix="ca" local="" language="" localinterwiki="" url="https://ca.wikipedia.org/wiki/$1" />
<iw prefix="commons" local="" url="https://commons.wikimedia.org/wiki/$1" />
</interwikimap>
</query></api>"""


def test_a_table_of_one_wiki_with_the_trail_that_mediawiki_ships(tmp_path: Path) -> None:
    siteinfo = tmp_path / "cawiki-siteinfo.xml.gz"
    siteinfo.write_bytes(gzip.compress(SITEINFO.encode()))
    script = ROOT / "tools" / "make_language_tables.py"
    subprocess.run([sys.executable, script, "--output", tmp_path, "siteinfo", siteinfo], check=True)
    assert [path.name for path in tmp_path.glob("*.json")] == ["ca.json"]
    table = json.loads((tmp_path / "ca.json").read_text(encoding="utf-8"))
    sources = table.pop("sources")
    assert sources["link_trail"].endswith("languages/messages/MessagesXx.php: Ca, Oc, En")
    assert table == {
        "code": "ca",
        "wiki": "cawiki",
        "case": "first-letter",
        "namespaces": {"6": {"name": "Fitxer", "canonical": "File", "aliases": ["Imatge"]}},
        "local_interwiki": ["ca"],
        "redirect_words": ["#REDIRECCIÓ", "#REDIRECT"],
        "behaviour_switches": ["__NOTAULA__", "__NOTOC__"],
        "link_trail": "(?:[a-zàèéíòóúç·ïü]|'(?!'))+",
        "link_prefix": "",
    }
