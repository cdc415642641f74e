"""The build on real dumps: nothing lost, nothing twice, and offsets that are of what they say."""

import bz2
import gzip
import re
import shutil
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mlukit.corpus.examples.tokenizer import Tokenizer
from tests.small_dumps import IN_MEMORY, assert_all_accounted, load, rows, rows_in_order, run, shards
from tests.wikidata_dump import write_json_dump

DATA = Path(__file__).resolve().parents[2].parent / "shared/data"
DUMPS = DATA / "dumps"
SITELINKS = DATA / "sql/wikidatawiki-invented-wb_items_per_site.sql.gz"
MODEL = DATA / "tokenizer/xlmr.sentencepiece.bpe.model"
BERLIN = sorted((DUMPS / "berlin").glob("*.bz2"))
OF_LANGUAGE = {
    "bn": "bnwiki-20230501-head-pages-articles.xml.bz2",
    "el": "elwiki-20230501-head-pages-articles.xml.bz2",
    "vi": "viwiki-20230501-head-pages-articles.xml.bz2",
    "ltg": "ltgwiki-complete-pages-articles.xml.bz2",
    "it": "itwiki-small-pages-articles.xml.gz",
    "ja": "jawiki-head2006-pages-articles.xml.bz2",
    "en": "enwiki-head-pages-articles.xml.bz2",
}

pytestmark = pytest.mark.skipif(not SITELINKS.exists(), reason=f"no real dumps: {DATA} is not there")


def build(folder: Path, dumps: dict[str, Path], *flags: object) -> Path:
    """OUT of a build with XLM-R's vocabulary and the invented sitelinks."""
    (folder / "tables").mkdir()
    shutil.copy(SITELINKS, folder / "tables")
    by_hand = [word for language, path in dumps.items() for word in ("--dump", f"{language}={path}")]
    ran = run(
        *("build", "--dumps", folder / "tables", *by_hand, "--output", folder / "OUT"),
        *("--sentencepiece-model", MODEL, "--min-languages", 2, IN_MEMORY, *flags),
    )
    assert ran.status == 0, ran.err
    return folder / "OUT"


@pytest.fixture(scope="module")
def heads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Seven Wikipedias or heads of them, from 2006 to 2023."""
    dumps = {language: DUMPS / name for language, name in OF_LANGUAGE.items()}
    return build(tmp_path_factory.mktemp("heads"), dumps, "--range-size", "800K", "--allow-damaged")


@pytest.fixture(scope="module")
def berlin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The city of Berlin in 25 languages."""
    dumps = {path.name.partition("wiki")[0]: path for path in BERLIN}
    return build(tmp_path_factory.mktemp("berlin"), dumps, "--foreign-header")  # all have the header of enwiki


@dataclass(frozen=True)
class Counted:
    """What a dump holds, counted without any of our code."""

    pages: int
    redirects: int  # of the main namespace
    articles: list[int]  # ids of the pages of the main namespace that are none


def count(language: str) -> Counted:
    path = DUMPS / OF_LANGUAGE[language]
    xml = (gzip if path.suffix == ".gz" else bz2).decompress(path.read_bytes()).decode("utf-8", "replace")
    pages = re.findall(r"<page>.*?</page>", xml, re.DOTALL)
    names = [re.escape(name) for name in re.findall(r'<namespace key="-?\d+"[^>]*>([^<]+)</namespace>', xml[:20_000])]
    prefixed = re.compile(rf"<title>(?:{'|'.join(names)}):")
    main = [page for page in pages if ("<ns>0</ns>" in page if "<ns>" in page else not prefixed.search(page))]
    redirects = [
        page for page in main if re.search(r"<redirect\b|<text[^>]*>\s*#(?:REDIRECT|転送)", page, re.IGNORECASE)
    ]
    articles = [int(re.search(r"<id>(\d+)</id>", page)[1]) for page in main if page not in redirects]  # type: ignore[index]
    return Counted(len(pages), len(redirects), articles)


@pytest.mark.parametrize("language", OF_LANGUAGE)
def test_every_page_is_there_once(heads: Path, language: str) -> None:
    counted = count(language)
    pages = load(heads / "link.json")["languages"][language]["flows"]["pages"]
    assert (pages["in"], pages["failed"], pages["skipped"]["redirect"]) == (counted.pages, {}, counted.redirects)
    assert [row["page_id"] for row in rows_in_order(heads / "articles" / language)] == counted.articles
    assert pages["out"] == len(counted.articles)


def test_dumps_are_cut_into_shards(heads: Path) -> None:
    found = {code: sorted((heads / "articles" / code).glob("train-*.parquet")) for code in OF_LANGUAGE}
    number = {language: len(files) for language, files in found.items()}
    assert number == {"bn": 2, "el": 1, "vi": 3, "ltg": 1, "it": 4, "ja": 1, "en": 4}
    assert all(len(rows(path)) for language in ("it", "en") for path in found[language])


def test_a_dump_without_its_end_is_told_of(heads: Path) -> None:
    files = [(file["name"], file["damage"]) for file in load(heads / "link.json")["damaged"]]
    assert files == [(OF_LANGUAGE[language], {"truncated": 1}) for language in ("en", "ja")]
    ran = run("verify", heads, "articles/en", IN_MEMORY)
    assert ran.status == 3 and "DAMAGED DUMPS: 2 FILES ARE NOT WHOLE" in ran.err


def test_a_dump_without_its_end_is_counted(heads: Path) -> None:
    counts = {code: load(heads / "link.json")["languages"][code]["counts"] for code in OF_LANGUAGE}
    damaged = {code: {k: n for k, n in of.items() if k.startswith("damage")} for code, of in counts.items()}
    cut = {"damage truncated": 1}
    assert damaged == {"en": cut, "ja": cut} | {code: {} for code in ("bn", "el", "it", "ltg", "vi")}


@pytest.mark.parametrize("output", ["heads", "berlin"])
def test_everything_is_accounted_for(output: str, request: pytest.FixtureRequest) -> None:
    folder: Path = request.getfixturevalue(output)
    assert_all_accounted(folder)
    link = load(folder / "link.json")["languages"]
    assert link["all"]["flows"]["sitelinks"]["in"] == 132_578
    for language in set(link) - {"all"}:
        articles = rows(*shards(folder / "articles" / language))
        statuses = Counter(one["status"] for row in articles for one in row["links"])
        resolved = link[language]["flows"]["links with item"]
        assert resolved["skipped"] == {k: n for k, n in statuses.items() if k not in ("resolved", "redirected")}
        assert resolved["out"] == statuses["resolved"] + statuses["redirected"]
        assert resolved["out"] > 0.75 * resolved["in"]


@pytest.mark.parametrize("output", ["heads", "berlin"])
def test_offsets_and_texts_are_sane(output: str, request: pytest.FixtureRequest) -> None:
    folder: Path = request.getfixturevalue(output)
    for path in sorted((folder / "articles").glob("*/*.parquet")):
        for row in rows(path):
            _check_article(row)


def _check_article(row: dict[str, Any]) -> None:
    where, text = (row["language"], row["title"]), row["text"]
    assert "\n".join(text[of["start"] : of["end"]] for of in row["paragraphs"]) == text, where
    assert all(of["start"] < of["end"] for of in row["paragraphs"]), where
    for section in row["sections"]:
        start = section["start"]
        assert text[start : start + len(section["heading"])] == section["heading"], where
        assert start < section["end"] <= len(text), where
    last = 0
    for link in row["links"]:
        anchor = text[link["start"] : link["end"]]
        assert last <= link["start"] and anchor and anchor == anchor.strip() and "\n" not in anchor, (where, link)
        assert (link["qid"] is not None) == (link["status"] in ("resolved", "redirected")), (where, link)
        last = link["end"]
    assert row["split"] in ("train", "validation") and row["kind"] in (
        "article",
        "list",
        "disambiguation",
        "date",
        "other",
    )


@pytest.mark.parametrize("output", ["heads", "berlin"])
def test_the_vocabulary_can_be_recounted(output: str, request: pytest.FixtureRequest) -> None:
    folder: Path = request.getfixturevalue(output)
    counts: dict[str, Counter[str]] = {}
    for path in sorted((folder / "articles").glob("*/*.parquet")):
        for row in rows(path):
            for link in row["links"] if row["kind"] in ("article", "list") else ():
                if link["qid"]:
                    counts.setdefault(link["qid"], Counter())[row["language"]] += 1
    kept = {qid: dict(of) for qid, of in counts.items() if len(of) >= 2}
    entities = rows(folder / "vocabulary/vocabulary.parquet")[4:]
    assert {row["name"]: {of["language"]: of["count"] for of in row["counts"]} for row in entities} == kept
    order = [(-row["count"], int(row["qid"][1:])) for row in entities]
    assert order == sorted(order)
    assert [row["entity_id"] for row in entities] == list(range(4, 4 + len(entities)))


@pytest.mark.parametrize("output", ["heads", "berlin"])
def test_pieces_joined_are_the_normalised_text_of_their_sentences(output: str, request: pytest.FixtureRequest) -> None:
    folder: Path = request.getfixturevalue(output)
    tokenizer = Tokenizer.load(MODEL.read_bytes())
    names = [row["name"] for row in rows(folder / "vocabulary/vocabulary.parquet")]
    for language in sorted(path.name for path in (folder / "examples").iterdir()):
        articles = {row["page_id"]: row for row in rows(*shards(folder / "articles" / language))}
        for row in rows(*shards(folder / "examples" / language)):
            _check_example(row, articles[row["page_id"]], tokenizer, names)


def _check_example(row: dict[str, Any], article: dict[str, Any], tokenizer: Tokenizer, names: list[str]) -> None:
    ids, text = row["token_ids"], article["text"]
    assert len(ids) <= 512 and (ids[0], ids[-1]) == (0, 2) and 1 <= len(row["entity_ids"]) <= 128
    sentences = [text[s:e] for s, e in zip(row["sentence_starts"], row["sentence_ends"], strict=True)]
    expected = "".join(map(tokenizer.normalize, sentences))
    pieces = tokenizer.pieces(ids[1:-1])
    if "<unk>" not in pieces:
        assert "".join(pieces) == expected, (row["language"], row["page_id"])
    else:
        known = ".+?".join(map(re.escape, "".join(pieces).split("<unk>")))
        assert re.fullmatch(known, expected, re.DOTALL), (row["language"], row["page_id"])
    anchors = Counter(
        (tokenizer.normalize(text[one["start"] : one["end"]]).strip("▁"), one["qid"]) for one in article["links"]
    )
    for entity, start, end in zip(row["entity_ids"], row["entity_starts"], row["entity_ends"], strict=True):
        mention = tokenizer.pieces(ids[start:end])
        assert 1 <= start < end < len(ids) and end - start <= 30
        assert "<unk>" in mention or anchors["".join(mention).strip("▁"), names[entity]], (mention, names[entity])


@pytest.mark.parametrize("folder", ["articles", "examples", "mentions", "failures", "vocabulary", ""])
def test_inspect_shows_them(heads: Path, berlin: Path, folder: str) -> None:
    for output, language in ((heads, "bn"), (berlin, "th")):
        where = output / folder / (language if folder not in ("vocabulary", "") else "")
        ran = run("inspect", where, "--number", 2)
        assert ran.status == 0, ran.err
        assert ran.out or "has no records" in ran.err


def test_the_same_articles_whatever_the_ranges(tmp_path: Path) -> None:
    dump = DUMPS / OF_LANGUAGE["el"]
    found = []
    for size in ("1M", "90000", "11000"):
        flags = ("link", "--dump", f"el={dump}", "--output", tmp_path / size, "--allow-unresolved", IN_MEMORY)
        assert run(*flags, "--range-size", size).status == 0
        files = sorted((tmp_path / size / "articles/el").glob("train-*.parquet"))
        assert len(files) == -(-dump.stat().st_size // {"1M": 1 << 20}.get(size, int(size.rstrip("M"))))
        found.append(rows_in_order(tmp_path / size / "articles/el"))
    assert found[0] == found[1] == found[2] and len(found[0]) == 99


# Real tables of items

PAGE_PROPS = {
    "Gandalf": "Q177499",
    "Boromir": "Q219504",
    "Samwise Gamgee": "Q219473",
    "Character (arts)": "Q95074",
    "Literary element": "Q6647660",
}
ITEMS_OF_WIKIDATA = {
    "Gimli (Middle-earth)": "Q206818",
    "Merry Brandybuck": "Q219498",
    "Pippin Took": "Q219493",
    "Frodo Baggins": "Q177329",
    "Legolas": "Q213480",
}
BERLIN_TITLES = {
    **{"ar": "برلين", "bn": "বার্লিন", "de": "Berlin", "el": "Βερολίνο", "en": "Berlin", "es": "Berlín", "fa": "برلین"},
    **{
        "fi": "Berliini",
        "fr": "Berlin",
        "hi": "बर्लिन",
        "id": "Berlin",
        "it": "Berlino",
        "ja": "ベルリン",
        "ko": "베를린",
    },
    **{"nl": "Berlijn", "pl": "Berlin", "pt": "Berlim", "ru": "Берлин", "sv": "Berlin", "sw": "Berlin", "te": "బెర్లిన్"},
    **{"th": "เบอร์ลิน", "tr": "Berlin", "vi": "Berlin", "zh": "柏林"},
}


@pytest.mark.parametrize("with_json", [False, True])
def test_enwiki_of_2021_with_its_own_tables(tmp_path: Path, with_json: bool) -> None:
    matched = DATA / "matched/enwiki-20210701"
    files = [*(matched / "articlesdump").iterdir(), *matched.glob("*table/*.gz")]
    for path in files + [DATA / "matched/wikidata-20210705-all.json.bz2"] * with_json:
        (tmp_path / path.name).write_bytes(path.read_bytes())
    ran = run("link", "--dumps", tmp_path, "--output", tmp_path / "OUT", IN_MEMORY)
    assert ran.status == 0, ran.err
    gaps = [line for line in ran.err.splitlines() if "a part of the dump seems to be missing" in line]
    assert len(gaps) == 2  # ten pages out of the parts 2, 4 and 17
    found = {row["title"]: row["qid"] for row in rows_in_order(tmp_path / "OUT/articles/en")}
    assert found == PAGE_PROPS | {title: qid if with_json else None for title, qid in ITEMS_OF_WIKIDATA.items()}
    sources = [source["kind"] for source in load(tmp_path / "OUT/articles/en/_manifest.json")["sources"]]
    assert sources == ["dump"] * 4 + ["page_props", "redirect"] + ["wikidata_json"] * with_json


def test_berlin_with_real_wikidata_items_made_a_json_dump(tmp_path: Path) -> None:
    for path in BERLIN:
        (tmp_path / path.name).write_bytes(path.read_bytes())
    items = DATA / "wikidata/wikidata_testDump_1646pages.xml.bz2"
    assert write_json_dump(items, tmp_path / "wikidata-20140101-all.json.bz2") == 1646
    ran = run("link", "--dumps", tmp_path, "--output", tmp_path / "OUT", "--foreign-header", IN_MEMORY)
    assert ran.status == 0, ran.err
    found = {
        folder.name: {row["title"]: row["qid"] for row in rows(*shards(folder)) if row["qid"]}
        for folder in (tmp_path / "OUT/articles").iterdir()
    }
    others = {"en": {"Atlantic Ocean": "Q97"}, "fr": {"Autriche": "Q40"}}
    assert found == {code: {title: "Q64", **others.get(code, {})} for code, title in BERLIN_TITLES.items()}
    assert load(tmp_path / "OUT/link.json")["languages"]["all"]["flows"]["sitelinks"]["in"] == 8626


# Broken dumps


@pytest.mark.parametrize(
    ("number", "titles", "failed", "skipped"),
    [
        (1, [], {"missing_element": 1}, {"namespace 4": 2}),  # a page without title
        (2, ["数学"], {}, {"namespace 4": 2}),  # without <ns>
        (3, [], {"missing_element": 1}, {"namespace 4": 2}),  # <texts> in place of <text>
        (4, [], {}, {"namespace 4": 2, "empty_text": 1}),
    ],
)
def test_broken_dumps_give_what_can_be_read_of_them(
    tmp_path: Path, number: int, titles: list[str], failed: dict[str, int], skipped: dict[str, int]
) -> None:
    dump, output = DUMPS / f"broken/zhwiki-broken-{number}.xml", tmp_path / "OUT"
    ran = run("link", "--dump", f"zh={dump}", "--output", output, "--allow-unresolved", IN_MEMORY)
    assert ran.status == 0, ran.err
    assert [row["title"] for row in rows_in_order(output / "articles/zh")] == titles
    assert load(output / "link.json")["languages"]["zh"]["flows"]["pages"] == {
        "in": 3,
        "out": len(titles),
        "failed": failed,
        "skipped": skipped,
    }
    failures = rows(*shards(output / "failures/zh"))
    assert Counter(row["reason"] for row in failures) == Counter(failed)
    assert all(row["page_id"] == 13 for row in failures)
