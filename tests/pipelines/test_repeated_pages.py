"""Builds of dumps that have a page several times, or pages whose text is missing, over files and ranges."""

from pathlib import Path
from typing import Any

import pytest

from mlukit.corpus.wikitext import MAX_CHARACTERS
from mlukit.schemas import layout
from tests.small_dumps import (
    IN_MEMORY,
    Ran,
    SmallPage,
    assert_all_accounted,
    checksums,
    dump_xml,
    load,
    rows,
    rows_in_order,
    run,
    sentencepiece_model,
    shards,
    write_items,
    write_table,
)

RANGE = 1000  # bytes: a range holds two or three pages


def page(page_id: int, title: str, revision_id: int, text: str, redirect: str | None = None) -> SmallPage:
    return SmallPage(page_id, title, text, redirect=redirect, revision_id=revision_id)


def without_text(page_id: int, title: str, revision_id: int, text: str, more: str = "") -> SmallPage:
    """A page whose `<text …` is this."""
    xml = f"<page><title>{title}</title><ns>0</ns><id>{page_id}</id>{more}<revision><id>{revision_id}</id>{text}"
    return SmallPage(page_id, title, raw=f"{xml}</revision></page>\n")


HIDDEN = '<text deleted="deleted" />'
FIRST = [
    page(1, "Town", 101, "A [[River]] and the [[Old lake]] are near the [[Meadow]]."),
    page(2, "Old lake", 102, "The old lake is in the [[Town]]. [[fr:Vieux]]"),
    page(3, "River", 103, "The first river has [[Town]] and [[Hill]]."),
    page(4, "Hill", 104, "#REDIRECT [[River]]", redirect="River"),
    page(5, "Meadow", 105, "The meadow is near the [[River]]."),
    page(6, "Gone", 106, "This page lost its text near [[Town]]."),
    page(7, "Twice", 107, "The same copy near the [[Old lake]]."),
]
SECOND = [
    page(3, "River", 203, "The second river has a [[Town]] and a [[Gone]]."),
    page(2, "New lake", 202, "The new lake is near the [[Town]] and [[Twice]]."),
    page(4, "Hill", 204, "The hill is no redirect, unlike [[Meadow]]."),
    page(5, "Meadow", 205, "#REDIRECT [[Hill]]", redirect="Hill"),
    without_text(6, "Gone", 206, HIDDEN),
    page(3, "River", 153, "The river between both has [[Town]]."),
    page(7, "Twice", 107, "The same copy near the [[Old lake]]."),
]
ITEMS = {1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 6, 7: 7}
PIECES = ["▁", *"aeilnorstuw.", "▁the", "▁The"]
Row = dict[str, Any]


def write_parts(folder: Path, *parts: list[SmallPage]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number, pages in enumerate(parts, 1):
        (folder / f"enwiki-20260901-pages-articles{number}.xml").write_text(dump_xml("en", pages))
    (folder / "tokenizer.model").write_bytes(sentencepiece_model(PIECES))


def build(dumps: Path, output: Path, *flags: object, command: str = "build") -> Ran:
    more = () if command == "link" else ("--min-languages", 1, "--sentencepiece-model", dumps / "tokenizer.model")
    where = ("--dumps", dumps, "--output", output, "--validation-share", 0.3, "--range-size", RANGE)
    ran = run(command, *where, *more, *(flags or (IN_MEMORY,)))
    assert ran.status == 0, ran.err
    return ran


@pytest.fixture(scope="module")
def dumps(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("repeated") / "dumps"
    write_parts(folder, FIRST, SECOND)
    write_items(folder, "en", ITEMS)
    return folder


@pytest.fixture(scope="module")
def built(dumps: Path) -> tuple[Path, Ran]:
    output = dumps.parent / "OUT"
    return output, build(dumps, output)


def link(text: str, anchor: str, page_: str, qid: str, status: str = "resolved") -> Row:
    start = text.index(anchor)
    where = {"start": start, "end": start + len(anchor), "language": "en", "target": anchor}
    return where | {"page": page_, "qid": qid, "status": status}


def article(page_id: int, revision_id: int, title: str, text: str, *links: tuple[str, ...]) -> Row:
    row = {"language": "en", "page_id": page_id, "revision_id": revision_id, "title": title, "qid": f"Q{page_id}"}
    row |= {"kind": "article", "text": text, "paragraphs": [{"start": 0, "end": len(text)}], "sections": []}
    return row | {"links": [link(text, *one) for one in links]}


ARTICLES = [
    article(
        1,
        101,
        "Town",
        "A River and the Old lake are near the Meadow.",
        ("River", "River", "Q3"),
        ("Old lake", "New lake", "Q2", "redirected"),
        ("Meadow", "Hill", "Q5", "redirected"),
    ),
    article(
        2,
        202,
        "New lake",
        "The new lake is near the Town and Twice.",
        ("Town", "Town", "Q1"),
        ("Twice", "Twice", "Q7"),
    ),
    article(
        3,
        203,
        "River",
        "The second river has a Town and a Gone.",
        ("Town", "Town", "Q1"),
        ("Gone", "Gone", "Q6"),
    ),
    article(
        4,
        204,
        "Hill",
        "The hill is no redirect, unlike Meadow.",
        ("Meadow", "Hill", "Q5", "redirected"),
    ),
    article(
        7,
        107,
        "Twice",
        "The same copy near the Old lake.",
        ("Old lake", "New lake", "Q2", "redirected"),
    ),
]


def by_page(output: Path, table: str = "articles") -> list[Row]:
    found = rows(*shards(output / table / "en"))
    return sorted(found, key=lambda row: (row["page_id"], row.get("index", 0)))


def test_one_id_is_one_article(built: tuple[Path, Ran]) -> None:
    found = by_page(built[0])
    assert {row.pop("split") for row in found} == {"train", "validation"}
    assert found == ARTICLES


def test_of_copies_of_one_revision_the_last_stays(built: tuple[Path, Ran]) -> None:
    ranges = layout.by_number(path.name for path in shards(built[0] / "articles/en"))
    pages = [{row["page_id"] for name in names for row in rows(built[0] / "articles/en" / name)} for names in ranges]
    assert pages == [{1}, set(), set(), {2, 3, 4}, {7}, set()]


def test_copies_that_are_left_out_are_counted(built: tuple[Path, Ran]) -> None:
    output, _ = built
    assert_all_accounted(output)
    flows = load(output / "link.json")["languages"]["en"]["flows"]
    left_out = {"redirect": 2, "deleted_text": 1, "repeated_page": 6}
    assert flows == {
        "pages": {"in": 14, "out": 5, "failed": {}, "skipped": left_out},
        "links": {"in": 16, "out": 9, "failed": {}, "skipped": {"repeated_page": 7}},
        "links with item": {"in": 9, "out": 9, "failed": {}, "skipped": {}},
    }
    assert load(output / "articles/en/_manifest.json")["flows"] == flows
    account = (output / "account.txt").read_text().splitlines()
    pages = next(line for line in account if line.startswith("link        en        pages "))
    assert pages.endswith("repeated_page 6, redirect 2, deleted_text 1")
    counts = load(output / "link.json")["languages"]["en"]["counts"]
    assert (counts["repeated_pages"], counts["former_titles"], counts["titles"]) == (7, 1, 8)


def test_later_stages_have_each_page_once(built: tuple[Path, Ran]) -> None:
    output, _ = built
    vocabulary = {row["qid"]: row["count"] for row in rows(output / "vocabulary/vocabulary.parquet") if row["qid"]}
    assert vocabulary == {"Q1": 2, "Q2": 2, "Q3": 1, "Q5": 2, "Q6": 1, "Q7": 1}
    examples = by_page(output, "examples")
    assert [(row["page_id"], row["index"]) for row in examples] == [(1, 0), (2, 0), (3, 0), (4, 0), (7, 0)]
    flows = load(output / "examples.json")["languages"]["en"]["flows"]
    assert flows["articles"] == {"in": 5, "out": 5, "failed": {}, "skipped": {}}
    summary = load(output / "link.json")["languages"]["en"]["summary"]["articles"]
    assert summary == {"with_item": 5, "without_item": 0, "characters": sum(len(row["text"]) for row in ARTICLES)}


def test_verify_and_audit_take_it(built: tuple[Path, Ran], dumps: Path) -> None:
    output, _ = built
    assert run("verify", output).status == 0
    ran = run("audit", output, "--dumps", dumps, IN_MEMORY)
    assert ran.status == 0, ran.err
    counts = load(output / "audit/links.json")["en"]["counts"]
    assert (counts["pages"], counts["right"], counts.get("missed", 0)) == (5, 9, 0)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("workers", [1, 2])
def test_worker_processes_give_the_same_bytes(
    built: tuple[Path, Ran], dumps: Path, tmp_path: Path, workers: int
) -> None:
    ran = build(dumps, tmp_path / "OUT", "--direct_running_mode=multi_processing", f"--direct_num_workers={workers}")
    assert f"in {workers} worker process" in ran.err
    expected = {path: digest for path, digest in checksums(built[0]).items() if not path.startswith("audit/")}
    assert checksums(tmp_path / "OUT") == expected


@pytest.mark.parametrize("size", [300, 100_000])
def test_the_same_rows_whatever_the_ranges(built: tuple[Path, Ran], dumps: Path, tmp_path: Path, size: int) -> None:
    build(dumps, tmp_path / "OUT", "--range-size", size, IN_MEMORY, command="link")
    assert by_page(tmp_path / "OUT") == by_page(built[0])


def test_a_dump_that_is_given_twice_is_the_dump(tmp_path: Path) -> None:
    for name, parts in (("once", [FIRST]), ("twice", [FIRST, FIRST])):
        write_parts(tmp_path / name, *parts)
        write_items(tmp_path / name, "en", ITEMS)
        build(tmp_path / name, tmp_path / f"OUT {name}", command="link")
    once, twice = (tmp_path / f"OUT {name}" for name in ("once", "twice"))
    assert by_page(twice) == by_page(once) != []
    flows = load(twice / "link.json")["languages"]["en"]["flows"]
    assert flows["pages"] == {"in": 14, "out": 6, "failed": {}, "skipped": {"redirect": 2, "repeated_page": 6}}


# Pages whose text is missing

LIST = "Links: [[Deleted]], [[Empty]], [[No revision]], [[Script]], [[Long]], [[Malformed]], [[Textless]], [[Moved]]."
NO_TEXT = [
    page(1, "List", 101, f"{LIST} [[Cut]], [[Other]] and [[Nothing]]."),
    without_text(2, "Deleted", 102, HIDDEN),
    page(3, "Empty", 103, ""),
    SmallPage(4, "No revision", raw="<page><title>No revision</title><ns>0</ns><id>4</id></page>\n"),
    without_text(5, "Script", 105, "<model>javascript</model><text>var a;</text>"),
    page(6, "Long", 106, "x" * (MAX_CHARACTERS + 1)),
    without_text(7, "Malformed", 107, "<text>a & b</text>"),
    without_text(8, "Textless", 108, ""),
    without_text(9, "Moved", 109, HIDDEN, more='<redirect title="Deleted" />'),
    SmallPage(10, "Template:X", raw="<page><title>Template:X</title><ns>10</ns><id>10</id><x></page>\n"),
    SmallPage(11, "Cut", raw="<page><title>Cut</title><ns>0</ns><id>11</id><revision><id>111</id><text>c\n"),
    SmallPage(12, "", raw="<page><title></title><ns>0</ns><id>12</id><revision></page>\n"),
]
TITLES = {2: "Deleted", 3: "Empty", 4: "No revision", 5: "Script", 6: "Long", 7: "Malformed", 8: "Textless", 11: "Cut"}


@pytest.fixture(scope="module", params=["page_props", "wb_items_per_site"])
def links(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[Row]:
    folder = tmp_path_factory.mktemp("textless")
    write_parts(folder / "dumps", NO_TEXT)
    if request.param == "page_props":
        write_items(folder / "dumps", "en", {page_id: page_id for page_id in TITLES})
    else:
        sitelinks = [(number, number, "enwiki", title) for number, title in TITLES.items()]
        write_table(folder / "dumps", "wikidatawiki", "wb_items_per_site", sitelinks)
    build(folder / "dumps", folder / "OUT", "--range-size", 1 << 20, "--allow-damaged", IN_MEMORY, command="link")
    assert load(folder / "OUT/link.json")["languages"]["en"]["flows"]["pages"] == {
        "in": 12,
        "out": 1,
        "failed": {"malformed_xml": 2, "missing_element": 1, "unclosed_page": 1, "wikitext_limits": 1},
        "skipped": {"content_model": 1, "deleted_text": 2, "empty_text": 1, "namespace 10": 1, "no_revision": 1},
    }
    (only,) = rows_in_order(folder / "OUT/articles/en")
    return list(only["links"])


def test_links_to_pages_without_text_resolve_by_either_table(links: list[Row]) -> None:
    assert {one["target"]: (one["page"], one["qid"], one["status"]) for one in links} == {
        **{title: (title, f"Q{page_id}", "resolved") for page_id, title in TITLES.items()},
        "Moved": ("Deleted", "Q2", "redirected"),
        "Other": (None, None, "red"),
        "Nothing": (None, None, "red"),
    }
