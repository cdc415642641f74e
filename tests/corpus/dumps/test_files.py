"""Dumps told by their names."""

from pathlib import Path

import pytest

from mlukit.corpus.dumps.files import DumpError, FileInfo, FilePatterns, find_dumps, listing_globs
from mlukit.corpus.languages.wiki_names import language_of, wiki_of

DATA = Path(__file__).resolve().parents[3].parent / "shared/data"


def listing(*paths: str) -> list[FileInfo]:
    return [FileInfo(path, 1000 + index) for index, path in enumerate(paths)]


def found(language: str, *paths: str, date: str | None = None) -> list[str]:
    return [file.path for file in find_dumps(listing(*paths), [language], date=date).sets[language].files]


@pytest.mark.parametrize(
    ("language", "wiki"),
    [
        ("en", "enwiki"),
        ("simple", "simplewiki"),
        ("zh-min-nan", "zh_min_nanwiki"),
        ("be-tarask", "be_x_oldwiki"),
        ("roa-rup", "roa_rupwiki"),
    ],
)
def test_wiki_names(language: str, wiki: str) -> None:
    assert wiki_of(language) == wiki
    assert language_of(wiki) == language


@pytest.mark.parametrize("wiki", ["enwiktionary", "wiki", "../enwiki", "EN"])
def test_no_wikipedia(wiki: str) -> None:
    assert language_of(wiki) is None


@pytest.mark.parametrize(
    "name",
    [
        "enwiki-20230501-pages-articles.xml.bz2",
        "enwiki-20230501-pages-articles-multistream.xml.bz2",
        "enwiki-20230501-pages-meta-current.xml.7z",
        "enwiki-latest-pages-articles.xml",
        "enwiki-2026-08-01-p10p1147431.xml.bz2",
        "enwiki-latest-pages-articles1.xml-p000000010p000030302-shortened.bz2",
        "enwiki-small-pages-articles.xml.gz",
        "enwiki-20230501-head-pages-articles.xml.zst",
        "enwiki-berlin-pages-articles.xml.xz",
        "enwiki-20230501-pages-articles1.xml-p1p41242",
    ],
)
def test_names(name: str) -> None:
    assert found("en", f"/dumps/{name}") == [f"/dumps/{name}"]
    assert found("en", f"s3://bucket/enwiki/20230501/{name}") == [f"s3://bucket/enwiki/20230501/{name}"]


@pytest.mark.parametrize(
    "name",
    [
        "enwiki-20230501-pages-articles-multistream-index.txt.bz2",
        "enwiki-20230501-pages-articles-multistream-index1.txt-p1p41242.bz2",
        "enwiki-latest-pages-articles.xml.bz2-rss.xml",
        "enwiki-20230501-pages-articles.xml.bz2.part",
        "enwiki-20230501-pages-articles.xml.bz2.md5",
        "enwiki-20230501-stub-articles.xml.gz",
        "enwiki-20230501-abstract.xml.gz",
        "enwiktionary-20230501-pages-articles.xml.bz2",
        "simplewiki-20230501-pages-articles.xml.bz2",
        "dewiki-20230501-enwiki-pages-articles.xml.bz2",
    ],
)
def test_what_is_no_dump_of_the_language(name: str) -> None:
    with pytest.raises(DumpError, match=r"no dump for language 'en': looked for enwiki-\*pages-articles\*"):
        found("en", f"/dumps/{name}")


def test_parts_in_the_order_of_their_pages() -> None:
    base = "d/enwiki-20230501-pages-articles"
    names = [f"{base}{part}" for part in ("10.xml-p301p400.bz2", "2.xml-p101p200.bz2", "1.xml-p1p100.bz2")]
    names.append(f"{base}2.xml-p201p300.bz2")
    dump = find_dumps(listing(*names), ["en"]).sets["en"]
    assert [file.path for file in dump.files] == [names[2], names[1], names[3], names[0]]
    assert dump.warnings == ()
    assert dump.date == "20230501"


def test_parts_without_page_ranges() -> None:
    names = [f"simplewiki-20230501-pages-articles{part}.xml.gz" for part in (11, 2, 1)]
    assert found("simple", *names) == [names[2], names[1], names[0]]


def test_parts_of_a_content_export() -> None:
    names = [f"eswiki-2026-08-01-p{pages}.xml.bz2" for pages in ("9944280p12000000", "5168647p9944278", "7p5168640")]
    dump = find_dumps(listing(*names), ["es"]).sets["es"]
    assert [file.path for file in dump.files] == names[::-1]
    assert (dump.date, dump.warnings) == ("2026-08-01", ())
    later = "eswiki-2026-08-15-p7p5168640.xml.bz2"
    with pytest.raises(DumpError, match=f"2 dumps match language 'es': {names[1]}, {later}"):
        found("es", *names, later)
    assert found("es", *names, later, date="20260815") == [later]


def test_a_missing_part_is_a_warning() -> None:
    names = ["enwiki-1-pages-articles1.xml-p1p100.bz2", "enwiki-1-pages-articles3.xml-p201p300.bz2"]
    (warning,) = find_dumps(listing(*names), ["en"]).sets["en"].warnings
    assert names[0] in warning
    assert names[1] in warning


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("enwiki-20230501-pages-articles.xml.bz2", "enwiki-20230601-pages-articles.xml.bz2"),
        ("enwiki-20230501-pages-articles.xml.bz2", "enwiki-latest-pages-articles.xml.bz2"),
        ("enwiki-20230501-pages-articles.xml.bz2", "enwiki-20230501-pages-articles.xml"),
        ("enwiki-20230501-pages-articles.xml.bz2", "enwiki-20230501-pages-articles-multistream.xml.bz2"),
        ("enwiki-20230501-pages-articles.xml.bz2", "enwiki-20230501-pages-articles1.xml-p1p41242.bz2"),
        ("enwiki-20230501-pages-articles.xml.bz2", "enwiki-20230501-pages-meta-current.xml.bz2"),
        ("enwiki-20230501-pages-articles.xml.bz2", "enwiki/20230501/enwiki-20230501-pages-articles.xml.bz2"),
        ("enwiki-20230501-pages-articles.xml.bz2", "enwiki-2023-05-01-p1p100.xml.bz2"),
        ("enwiki-20230501-pages-articles1.xml-p1p100.bz2", "enwiki-20230501-pages-articles1.xml-p1p90.bz2"),
        ("enwiki-20230501-pages-articles1.xml-p1p100.bz2", "enwiki-20230501-pages-articles2.xml-p100p200.bz2"),
    ],
)
def test_two_dumps_are_an_error_that_names_both(one: str, two: str) -> None:
    with pytest.raises(DumpError, match="2 dumps match language 'en'") as error:
        found("en", two, one)
    assert one in str(error.value)
    assert two in str(error.value)
    assert "--date" in str(error.value)


def test_date_selects() -> None:
    names = [f"enwiki-{date}-pages-articles.xml.bz2" for date in ("20230501", "20230601", "latest")]
    for date, name in zip(("2023-05-01", "20230601", "latest"), names, strict=True):
        assert found("en", *names, date=date) == [name]
    with pytest.raises(DumpError, match="files of other dates: enwiki-20230501"):
        found("en", *names, date="20240101")


def test_a_dump_named_by_hand() -> None:
    chosen = FileInfo("/else/where.xml.bz2", 5)
    files = listing("enwiki-20230501-pages-articles.xml.bz2", "enwiki-20230501-page_props.sql.gz")
    dump = find_dumps(files, ["en"], chosen={"en": [chosen]}).sets["en"]
    assert dump.files == (chosen,)
    assert dump.tables == {"page_props": files[1]}


def test_tables() -> None:
    tables = ["page_props", "langlinks", "redirect", "page", "pagelinks", "page_restrictions"]
    names = [f"d/enwiki-20230501-{table}.sql.gz" for table in tables]
    files = listing("d/enwiki-20230501-pages-articles.xml.bz2", *names, "d/dewiki-20230501-redirect.sql.gz")
    dump = find_dumps(files, ["en"]).sets["en"]
    assert {kind: file.path for kind, file in dump.tables.items()} == dict(zip(tables[:3], names, strict=False))


def test_tables_of_the_dump_s_date_come_first() -> None:
    dump, other, same = (
        f"enwiki-{n}" for n in ("20230501-pages-articles.xml", "20230601-redirect.sql", "20230501-redirect.sql")
    )
    assert find_dumps(listing(dump, other, same), ["en"]).sets["en"].tables["redirect"].path == same
    only = find_dumps(listing(dump, other), ["en"]).sets["en"]
    assert only.tables["redirect"].path == other
    assert only.warnings == (f"{other} has the date 20230601, the dump {dump} 20230501",)
    with pytest.raises(
        DumpError, match=r"2 files match redirect: enwiki-20230501-redirect.sql, enwiki-20230501-redirect.sql.gz"
    ):
        find_dumps(listing(dump, same, same + ".gz"), ["en"])


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("wikidatawiki-20230501-wb_items_per_site.sql.gz", "wb_items_per_site"),
        ("wikidatawiki-invented-wb_items_per_site.sql.gz", "wb_items_per_site"),
        ("wikidata-20210705-all.json.bz2", "wikidata_json"),
        ("wikidatawiki/entities/20240101/wikidata-20240101-all.json.gz", "wikidata_json"),
        ("latest-all.json.bz2", "wikidata_json"),
    ],
)
def test_shared_tables(name: str, kind: str) -> None:
    files = listing("enwiki-20230501-pages-articles.xml", name)
    assert find_dumps(files, ["en"]).shared == {kind: files[1]}


@pytest.mark.parametrize("name", ["enwiki-title_items.tsv", "enwiki-20230501-title_items.tsv.zst"])
def test_a_table_of_somebody_s_own(name: str) -> None:
    others = ("dewiki-title_items.tsv", f"{name}.md5", "enwiki-title_items.csv")
    files = listing("enwiki-20230501-pages-articles.xml", name, *others)
    assert find_dumps(files, ["en"]).sets["en"].tables == {"title_items": files[1]}


def test_globs_cover_what_is_found() -> None:
    globs = listing_globs("/d/", ["en", "zh-min-nan"], date="20230501")
    assert "/d/enwiki-*pages-articles*.xml*" in globs
    assert "/d/zh_min_nanwiki/20230501/zh_min_nanwiki-*page_props.sql*" in globs
    assert "/d/enwiki/20230501/xml/bzip2/enwiki-20230501-p[0-9]*p[0-9]*.xml*" in globs
    assert "/d/wikidatawiki/20230501/wikidatawiki-*wb_items_per_site.sql*" in globs
    assert len(globs) == len(set(globs))


def test_patterns_of_a_configuration() -> None:
    patterns = FilePatterns.from_table({"pages": ["{wiki}.{date}.xml"], "folders": "{wiki}/"})
    assert patterns.folders == ("{wiki}/",)
    assert patterns.tables == FilePatterns().tables
    files = listing("enwiki/enwiki.20230501.xml", "enwiki/enwiki-20230501-pages-articles.xml")
    assert find_dumps(files, ["en"], patterns).sets["en"].files == (files[0],)
    assert "enwiki/enwiki.*.xml" in listing_globs("", ["en"], patterns)


@pytest.mark.parametrize(
    "table", [{"pages": ["x"], "pagse": ["x"]}, {"pages": 5}, {"pages": [1]}, {"pages": "{wiik}.sql"}]
)
def test_wrong_configuration(table: dict[str, object]) -> None:
    with pytest.raises(DumpError, match="accepted"):
        FilePatterns.from_table(table)


@pytest.mark.skipif(not DATA.is_dir(), reason="no real dumps beside the repository")
def test_real_folders() -> None:
    def files(folder: str) -> list[FileInfo]:
        return [FileInfo(str(path), path.stat().st_size) for path in (DATA / folder).rglob("*") if path.is_file()]

    berlin = files("dumps/berlin")
    languages = [Path(file.path).name.partition("wiki-")[0] for file in berlin]
    assert len(languages) == 25
    assert all(len(dump.files) == 1 for dump in find_dumps(berlin, languages).sets.values())
    matched = find_dumps(files("matched"), ["en"])
    assert [Path(file.path).name.split("-p")[-1] for file in matched.sets["en"].files] == [
        "41243p151573.bz2",
        "311330p558391.bz2",
        "20570393p22070392.bz2",
        "22070393p23570392.bz2",
    ]
    assert set(matched.sets["en"].tables) == {"page_props", "redirect"}
    assert set(matched.shared) == {"wikidata_json"}
    with pytest.raises(DumpError, match="2 dumps match language 'en'"):
        find_dumps([file for file in files("dumps") if "/dumps/enwiki" in file.path], ["en"])
