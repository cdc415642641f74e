"""The whole build of three small Wikipedias: every record that comes of them, and what is said about them."""

import bz2
import hashlib
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from mlukit.schemas import arrow
from mlukit.schemas.records import SPLITS
from mlukit.schemas.tf_example import decode_example
from mlukit.schemas.tfrecord import read_tfrecords
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
    shards,
)
from tests.small_wikis import build, ids


def spans(*pairs: tuple[int, int]) -> list[dict[str, int]]:
    return [{"start": start, "end": end} for start, end in pairs]


def article(
    language: str,
    page_id: int,
    title: str,
    qid: str | None,
    text: str,
    paragraphs: list[dict[str, int]],
    links: Iterable[tuple[int, int, str, str | None, str | None, str]],
    **other: Any,
) -> dict[str, Any]:
    """A row of articles; a link's target may have its language before a "/"."""
    split = "validation" if qid == "Q7" else "train"
    row = {"language": language, "page_id": page_id, "revision_id": page_id + 1000, "title": title, "qid": qid}
    row |= {"kind": "article", "split": split, "text": text, "paragraphs": paragraphs, "sections": [], **other}
    row["links"] = [
        {
            "start": start,
            "end": end,
            "language": target.rpartition("/")[0] or language,
            "target": target.rpartition("/")[2],
            "page": page,
            "qid": item,
            "status": status,
        }
        for start, end, target, page, item, status in links
    ]
    return row


ENGLISH = [
    article(
        "en",
        10,
        "Berlin",
        "Q64",
        "Berlin is the capital of Germany.\nRiver\nThe Spree flows through the old town.",
        spans((0, 33), (34, 39), (40, 77)),
        [
            (25, 32, "Germany", "Germany", "Q183", "resolved"),
            (44, 49, "Spree (river)", "Spree (river)", "Q7", "resolved"),
            (64, 76, "Cölln", None, None, "red"),
        ],
        sections=[{"start": 34, "end": 77, "level": 2, "heading": "River"}],
    ),
    article(
        "en",
        20,
        "Germany",
        "Q183",
        "Germany lies in Europe. Its capital is Berlin.",
        spans((0, 46)),
        [(16, 22, "Europe", None, None, "red"), (39, 45, "Berlin", "Berlin", "Q64", "resolved")],
    ),
    article("en", 40, "Spree (river)", "Q7", "The Spree is a river.", spans((0, 21)), []),
    article(
        "en",
        50,
        "Spree",
        "Q8",
        "Spree may be:\nSpree (river)",
        spans((0, 13), (14, 27)),
        [(14, 27, "Spree (river)", "Spree (river)", "Q7", "resolved")],
        kind="disambiguation",
    ),
    article(
        "en",
        60,
        "List of rivers",
        "Q9",
        "Spree in Deutschland\nRivers of Old Germany are here",
        spans((0, 20), (21, 51)),
        [
            (0, 5, "Spree (river)", "Spree (river)", "Q7", "resolved"),
            (9, 20, "Deutschland", "Germany", "Q183", "redirected"),
            (31, 42, "Old Germany", "Germany", "Q99", "redirected"),
        ],
        kind="list",
    ),
    article(
        "en",
        100,
        "Links",
        None,
        "See Loop, Nowhere, de:Spree and fr:Paris here.",
        spans((0, 46)),
        [
            (4, 8, "Loop", None, None, "redirect_loop"),
            (10, 17, "Nowhere", None, None, "redirect_broken"),
            (19, 27, "de/Spree", "Spree", "Q7", "resolved"),
            (32, 40, "fr/Paris", None, None, "unknown_wiki"),
        ],
    ),
    article(
        "en",
        130,
        "Havel",
        None,
        "The Spree flows through Berlin.",
        spans((0, 31)),
        [(4, 9, "Spree", "Spree", "Q8", "resolved"), (24, 30, "Berlin", "Berlin", "Q64", "resolved")],
    ),
]
GERMAN = [
    article(
        "de",
        1,
        "Berlin",
        "Q64",
        "𝕭erlin liegt an der Spree in Deutschland.",
        spans((0, 41)),
        [(20, 25, "Spree", "Spree", "Q7", "resolved"), (29, 40, "Deutschland", "Deutschland", "Q183", "resolved")],
    ),
    article(
        "de",
        2,
        "Spree",
        "Q7",
        "Die Spree fließt an Berliner Parks.",
        spans((0, 35)),
        [(20, 28, "Berlin", "Berlin", "Q64", "resolved")],
    ),
    article(
        "de",
        3,
        "Deutschland",
        "Q183",
        "Deutschland hat Berlin als Hauptstadt.",
        spans((0, 38)),
        [(16, 22, "Berlin", "Berlin", "Q64", "resolved")],
    ),
]
JAPANESE = [
    article(
        "ja",
        1,
        "ベルリン",
        "Q64",
        "ベルリンはドイツの首都である。",
        spans((0, 15)),
        [(5, 8, "ドイツ", "ドイツ", "Q183", "resolved")],
    ),
    article(
        "ja",
        2,
        "ドイツ",
        "Q183",
        "ドイツの首都はベルリンである。",
        spans((0, 15)),
        [(7, 11, "ベルリン", "ベルリン", "Q64", "resolved")],
    ),
]


@pytest.mark.parametrize(("language", "expected"), [("en", ENGLISH), ("de", GERMAN), ("ja", JAPANESE)])
def test_articles(built: Path, language: str, expected: list[dict[str, Any]]) -> None:
    assert rows_in_order(built / "articles" / language) == expected


def test_offsets_are_of_the_anchors(built: Path) -> None:
    anchors = [
        row["text"][link["start"] : link["end"]]
        for language in ("en", "de", "ja")
        for row in rows_in_order(built / "articles" / language)
        for link in row["links"]
    ]
    assert anchors == [
        *("Germany", "Spree", "the old town", "Europe", "Berlin", "Spree (river)", "Spree", "Deutschland"),
        *("Old Germany", "Loop", "Nowhere", "de:Spree", "fr:Paris", "Spree", "Berlin"),
        *("Spree", "Deutschland", "Berliner", "Berlin", "ドイツ", "ベルリン"),
    ]


def entity(entity_id: int, name: str, *by_language: tuple[str, int | None, str, str]) -> dict[str, Any]:
    counts = [{"language": code, "count": count} for code, count, _, _ in by_language if count is not None]
    return {
        "entity_id": entity_id,
        "name": name,
        "qid": None if name[0] == "[" else name,
        "count": sum(of["count"] for of in counts),
        "counts": counts,
        "titles": [{"language": code, "title": title} for code, _, title, _ in by_language],
        "labels": [{"language": code, "label": label} for code, _, _, label in by_language],
    }


VOCABULARY = [
    entity(0, "[PAD]"),
    entity(1, "[UNK]"),
    entity(2, "[MASK]"),
    entity(3, "[MASK2]"),
    entity(4, "Q64", ("de", 2, "Berlin", "Berlin"), ("en", 2, "Berlin", "Berlin"), ("ja", 1, "ベルリン", "ベルリン")),
    entity(5, "Q7", ("de", 1, "Spree", "Spree"), ("en", 3, "Spree (river)", "Spree")),
    entity(
        6,
        "Q183",
        ("de", 1, "Deutschland", "Deutschland"),
        ("en", 2, "Germany", "Germany"),
        ("ja", 1, "ドイツ", "ドイツ"),
    ),
    entity(7, "Q8", ("en", 1, "Spree", "Spree")),
    entity(8, "Q99", ("en", 1, "Old Germany", "Old Germany")),
]


def test_vocabulary(built: Path) -> None:
    assert rows(built / "vocabulary/vocabulary.parquet") == VOCABULARY


def test_the_vocabulary_as_json_lines(built: Path) -> None:
    lines = (built / "vocabulary/vocabulary.jsonl").read_text(encoding="utf-8").splitlines()
    assert lines[3] == (
        '{"entity_id": 3, "name": "[MASK2]", "qid": null, "count": 0, "counts": {}, "titles": {}, "labels": {}}'
    )
    assert lines[5] == (
        '{"entity_id": 5, "name": "Q7", "qid": "Q7", "count": 4, "counts": {"de": 1, "en": 3}, '
        '"titles": {"de": "Spree", "en": "Spree (river)"}, "labels": {"de": "Spree", "en": "Spree"}}'
    )
    assert len(lines) == len(VOCABULARY)


def recount(built: Path, languages: Iterable[str], kinds: set[str]) -> dict[str, dict[str, int]]:
    """{QID: {language: links to it}}, out of articles/ alone, as docs/data.md says that anyone can."""
    counts: dict[str, Counter[str]] = {}
    for language in languages:
        for row in rows_in_order(built / "articles" / language):
            for link in row["links"] if row["kind"] in kinds else ():
                if link["qid"]:
                    counts.setdefault(link["qid"], Counter())[language] += 1
    return {qid: dict(of) for qid, of in counts.items()}


def test_the_vocabulary_can_be_recounted(built: Path) -> None:
    entities = {row["qid"]: row["counts"] for row in rows(built / "vocabulary/vocabulary.parquet") if row["qid"]}
    counts = {qid: {of["language"]: of["count"] for of in row} for qid, row in entities.items()}
    assert counts == recount(built, ["de", "en", "ja"], {"article", "list"})


def test_mentions_are_of_train_pages(built: Path) -> None:
    def mentions(language: str) -> list[tuple[str, str, int, float]]:
        return [tuple(row.values())[:4] for row in rows(*shards(built / "mentions" / language))]  # type: ignore[misc]

    assert mentions("en") == [
        ("Berlin", "Q64", 2, 1.0),
        ("Deutschland", "Q183", 1, 1.0),
        ("Germany", "Q183", 1, 1.0),
        ("Old Germany", "Q99", 1, 1.0),
        ("Spree", "Q7", 2, 2 / 3),
        ("Spree", "Q8", 1, 1 / 3),
        ("de:Spree", "Q7", 1, 1.0),
    ]
    assert mentions("de") == [("Berlin", "Q64", 1, 1.0), ("Deutschland", "Q183", 1, 1.0), ("Spree", "Q7", 1, 1.0)]
    assert mentions("ja") == [("ドイツ", "Q183", 1, 1.0), ("ベルリン", "Q64", 1, 1.0)]


def example(
    language: str, page_id: int, pieces: str, entities: list[tuple[int, int, int]], sentences: list[tuple[int, int]]
) -> dict[str, Any]:
    return {
        "language": language,
        "page_id": page_id,
        "index": 0,
        "split": "validation" if (language, page_id) == ("de", 2) else "train",
        "token_ids": ids(f"<s> {pieces} </s>"),
        "entity_ids": [of[0] for of in entities],
        "entity_starts": [of[1] for of in entities],
        "entity_ends": [of[2] for of in entities],
        "sentence_starts": [start for start, _ in sentences],
        "sentence_ends": [end for _, end in sentences],
    }


EXAMPLES = {
    "en": [
        example(
            "en",
            10,
            "▁Berlin ▁is ▁the ▁capital ▁of ▁Germany . ▁The ▁Spree ▁flows ▁through ▁the ▁old ▁town .",
            [(6, 6, 7), (5, 9, 10)],
            [(0, 33), (40, 77)],
        ),
        example(
            "en",
            20,
            "▁Germany ▁lies ▁in ▁Europe . ▁Its ▁capital ▁is ▁Berlin .",
            [(4, 9, 10)],
            [(0, 23), (24, 46)],
        ),
        example("en", 60, "▁Rivers ▁of ▁Old ▁Germany ▁are ▁here", [(8, 3, 5)], [(21, 51)]),
        example(
            "en",
            100,
            "▁See ▁Loop , ▁Nowhere , ▁de :Spree ▁and ▁fr :Paris ▁here .",
            [(5, 6, 8)],
            [(0, 46)],
        ),
        example("en", 130, "▁The ▁Spree ▁flows ▁through ▁Berlin .", [(7, 2, 3), (4, 5, 6)], [(0, 31)]),
    ],
    "de": [
        example(
            "de",
            1,
            "▁ <unk> erlin ▁liegt ▁an ▁der ▁Spree ▁in ▁Deutschland .",
            [(5, 7, 8), (6, 9, 10)],
            [(0, 41)],
        ),
        example("de", 2, "▁Die ▁Spree ▁fließt ▁an ▁Berlin er ▁Parks .", [(4, 5, 7)], [(0, 35)]),
        example("de", 3, "▁Deutschland ▁hat ▁Berlin ▁als ▁Hauptstadt .", [(4, 3, 4)], [(0, 38)]),
    ],
    "ja": [
        example("ja", 1, "▁ ベルリン は ドイツ の 首都 である 。", [(6, 4, 5)], [(0, 15)]),
        example("ja", 2, "▁ ドイツ の 首都 は ベルリン である 。", [(4, 6, 7)], [(0, 15)]),
    ],
}


@pytest.mark.parametrize("language", ["en", "de", "ja"])
def test_examples(built: Path, language: str) -> None:
    folder = built / "examples" / language
    assert rows_in_order(folder) == EXAMPLES[language]
    for split in {row["split"] for row in EXAMPLES[language]}:
        expected = [row for row in EXAMPLES[language] if row["split"] == split]
        with (folder / f"{split}-00000.tfrecord.gz").open("rb") as stream:
            decoded = list(map(decode_example, read_tfrecords(stream)))
        assert [{name: _plain(getattr(one, name)) for name in arrow.EXAMPLES.names} for one in decoded] == expected


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def test_failures(built: Path) -> None:
    assert rows(*shards(built / "failures/en")) == [
        {
            "stage": "link",
            "reason": "malformed_xml",
            "language": "en",
            "page_id": 110,
            "title": "Broken",
            "detail": "not well-formed (invalid token): line 1, column 78",
        }
    ]
    assert shards(built / "failures/de") == shards(built / "failures/ja") == []


FOLDERS = [
    "vocabulary",
    *(f"{kind}/{code}" for kind in ("articles", "mentions", "examples", "failures") for code in ("de", "en", "ja")),
]


@pytest.mark.parametrize("folder", FOLDERS)
def test_manifests_are_true(built: Path, dumps: Path, folder: str) -> None:
    manifest = load(built / folder / "_manifest.json")
    kind, _, language = folder.partition("/")
    schemas = {"articles": arrow.ARTICLES, "mentions": arrow.MENTIONS, "examples": arrow.EXAMPLES}
    schemas |= {"failures": arrow.FAILURES, "vocabulary": arrow.VOCABULARY}
    assert (manifest["kind"], manifest["language"], manifest["schema_version"]) == (kind, language or None, 1)
    assert manifest["schema"] == {field.name: str(field.type) for field in schemas[kind]}

    here = {path.relative_to(built).as_posix(): path for path in (built / folder).iterdir()}
    del here[f"{folder}/_manifest.json"]
    assert [shard["path"] for shard in manifest["shards"]] == sorted(here, key=lambda path: (path[-1] == "l", path))
    for shard in manifest["shards"]:
        content = here[shard["path"]].read_bytes()
        assert (shard["bytes"], shard["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())
        assert shard["rows"] == _rows_of(here[shard["path"]])
        if shard["path"].endswith(".parquet"):
            assert pq.read_schema(here[shard["path"]]).equals(schemas[kind])

    for source in manifest["sources"]:
        content = (dumps / source["name"]).read_bytes()
        assert (source["bytes"], source["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())
    tables = {"de": "page_props", "en": "page_props", "ja": "langlinks"}
    expected = [(code, what) for code in tables for what in ("dump", tables[code]) if code == language or not language]
    assert [(source["language"], source["kind"]) for source in manifest["sources"]] == expected


def _rows_of(path: Path) -> int:
    if path.suffix == ".parquet":
        return int(pq.read_metadata(path).num_rows)
    if path.suffix == ".jsonl":
        return len(path.read_bytes().splitlines())
    with path.open("rb") as stream:
        return sum(1 for _ in read_tfrecords(stream))


def test_manifests_say_with_what_options(built: Path) -> None:
    def options(folder: str) -> dict[str, Any]:
        return dict(load(built / folder / "_manifest.json")["options"])

    link = {
        "allow_unresolved": False,
        "articles_format": ["parquet"],
        "range_size": None,
        "validation_share": 0.1,
        "wikidata_api": False,
    }
    vocabulary = {"kinds": ["article", "list"], "min_count": 1, "min_languages": 1, "vocabulary_size": 1_200_000}
    assert options("articles/de") == options("failures/de") == link
    assert options("vocabulary") == options("mentions/ja") == vocabulary
    assert options("examples/en") == {
        "format": ["parquet", "tfrecord"],
        "include_headings": False,
        "include_unknown_entities": False,
        "keep_without_entities": False,
        "max_entities": 128,
        "max_mention_tokens": 30,
        "max_tokens": 512,
        "min_sentence_pieces": 5,
        "mluke_exact": False,
        "train_sentencepiece": 0,
    }


def flow(entered: int, out: int, skipped: dict[str, int], failed: dict[str, int] | None = None) -> dict[str, Any]:
    return {"in": entered, "out": out, "failed": failed or {}, "skipped": skipped}


def test_everything_is_accounted_for(built: Path) -> None:
    assert_all_accounted(built)
    no_item = {"red": 2, "redirect_loop": 1, "redirect_broken": 1, "unknown_wiki": 1}
    assert load(built / "link.json")["languages"]["en"]["flows"] == {
        "pages": flow(15, 7, {"redirect": 5, "namespace 10": 1, "empty_text": 1}, {"malformed_xml": 1}),
        "links": flow(17, 15, {"outside text": 2}),
        "links with item": flow(15, 10, no_item),
    }
    vocabulary = load(built / "vocabulary.json")["languages"]
    assert vocabulary["all"]["flows"] == {"entities": flow(5, 5, {}), "entities kept": flow(5, 5, {})}
    assert load(built / "vocabulary/_manifest.json")["flows"] == vocabulary["all"]["flows"]
    assert vocabulary["en"]["flows"] == {
        "pages": flow(7, 6, {"kind disambiguation": 1}),
        "links": flow(14, 9, no_item),
        "mentions": flow(9, 9, {}),
    }
    assert vocabulary["de"]["flows"]["mentions"] == flow(4, 3, {"split validation": 1})
    assert load(built / "examples.json")["languages"]["en"]["flows"] == {
        "articles": flow(7, 5, {"kind disambiguation": 1, "no example": 1}),
        "mentions": flow(14, 7, {"no item": 5, "sentence left out: under 5 pieces": 2}),
        "sentences": flow(10, 7, {"heading": 1, "in an example without entities": 1, "under 5 pieces": 1}),
    }


@pytest.mark.parametrize("stage", ["link", "vocabulary", "examples"])
def test_manifests_say_what_the_records_say(built: Path, stage: str) -> None:
    record = load(built / f"{stage}.json")
    folders = {"link": "articles", "vocabulary": "mentions", "examples": "examples"}
    for language in ("en", "de", "ja"):
        manifest = load(built / folders[stage] / language / "_manifest.json")
        assert manifest["options"] == record["options"]
        for name, value in manifest["flows"].items():
            assert value == record["languages"][language]["flows"][name]
        for name, value in manifest["counts"].items():
            assert value == record["languages"][language]["counts"][name]
        for name, value in manifest["summary"].items():
            assert value == record["languages"][language]["summary"][name]


def test_numbers_that_code_reads(built: Path) -> None:
    def summary(record: str, language: str) -> dict[str, Any]:
        return dict(load(built / record)["languages"][language]["summary"])

    def characters(articles: list[dict[str, Any]]) -> int:
        return sum(len(row["text"]) for row in articles)

    assert summary("link.json", "en")["articles"] == {
        "with_item": 5,
        "without_item": 2,
        "characters": characters(ENGLISH),
    }
    assert summary("link.json", "de")["articles"]["characters"] == characters(GERMAN)
    assert summary("vocabulary.json", "all") == {"entity_spread": {"entities": {"1": 2, "2": 1, "3": 2}}}
    tokens = sum(len(row["token_ids"]) for row in EXAMPLES["de"])
    assert summary("examples.json", "de") == {"examples": {"train": 2, "validation": 1, "tokens": tokens}}


def test_the_run_ends_with_a_row_a_language_and_what_to_do_next(first_build: tuple[Path, Ran]) -> None:
    built, ran = first_build
    *table, entities, blank, done, account, more = ran.out.splitlines()
    assert table == [
        "language  pages  articles  links  with an item  mentions  examples  failed",
        "de            3         3      4        100.0%         4         3       0",
        "en           15         7     15         66.7%         7         5       1",
        "ja            2         2      2        100.0%         2         2       0",
        "total        20        12     21         76.2%        13        10       1",
    ]
    assert (entities, blank) == ("Entities in the vocabulary: 5", "")
    assert re.fullmatch(rf"Done in \d+:\d\d\. The output is in {re.escape(str(built))}\.", done)
    assert account.startswith(f"What was left out, what failed, and why: {built}/account.txt")
    assert more == f"Next: mlukit inspect {built}/examples/de"


def test_the_account_lies_in_the_output(first_build: tuple[Path, Ran]) -> None:
    built, ran = first_build
    lines = (built / "account.txt").read_text().splitlines()
    assert lines[0].split() == ["stage", "language", "what", "in", "out", "failed", "skipped", "reasons"]
    pages = (
        "link        en        pages            15    7       1        7  redirect 5, empty_text 1, malformed_xml 1,"
    )
    assert f"{pages} namespace 10 1" in lines
    assert len(lines) == 1 + 9 + 11 + 9
    assert ran.err.splitlines()[0].startswith("check sources: 6 of 6 shards in ")
    assert "\r" not in ran.err


def test_inspect_shows_what_each_step_took(built: Path) -> None:
    ran = run("inspect", built)
    assert ran.status == 0, ran.err
    table = ran.out.partition("\n\n")[2].splitlines()
    assert table[0].split() == [
        *("stage", "step", "tasks", "done", "before", "wall", "s", "CPU", "s"),
        *("MB", "read", "MB", "written", "peak", "MB"),
    ]
    assert len(table) == 1 + 6 + 4 + 3  # of each stage a row for each step, and one for all
    assert table[1].startswith("link        check sources                       6            0  ")
    assert table[-1].split()[:4] == ["examples", "all", "4", "0"]


def test_nothing_is_left_of_the_work(built: Path) -> None:
    assert [path for path in (built / "_work").rglob("*") if path.is_file()] == []
    named = {path.relative_to(built).parts[0] for path in built.rglob("*") if path.is_file()}
    assert named == {
        *("articles", "vocabulary", "mentions", "examples", "failures", "index", "tokenizer"),
        *("README.md", "run.json", "account.txt", "link.json", "vocabulary.json", "examples.json"),
    }


def _bytes_in(built: Path, folder: str) -> int:
    return sum(path.stat().st_size for path in (built / folder).glob("*/*") if path.name != "_manifest.json")


def test_what_differs_between_runs_stands_in_run_json_alone(built: Path) -> None:
    runs = load(built / "run.json")["runs"]
    assert [one["stage"] for one in runs] == ["link", "vocabulary", "examples"]
    assert runs[0]["beam_flags"] == [IN_MEMORY]
    assert {step["step"]: step["tasks_done"] for one in runs for step in one["steps"]} == {
        "check sources": 6,
        "read dumps": 3,
        "build title indexes": 3,
        "carry items": 3,
        "resolve links": 3,
        "count links": 3,
        "merge entities": 1,
        "order entities, merge mentions": 4,
        "tokenizer": 1,
        "make examples": 3,
    }
    for one in runs:
        assert one["wall_seconds"] >= sum(step["wall_seconds"] for step in one["steps"]) - 0.01
        for name in ("bytes_read", "bytes_written", "tasks_done", "tasks_found_done"):
            assert one[name] == sum(step[name] for step in one["steps"])
        assert one["cpu_seconds"] == pytest.approx(sum(step["cpu_seconds"] for step in one["steps"]), abs=0.01)
        assert one["peak_bytes"] == max(step["peak_bytes"] for step in one["steps"]) > 10 << 20
        assert 0 < one["cpu_seconds"] < one["wall_seconds"] * 8 and one["tasks_found_done"] == 0
    resolve, make = runs[0]["steps"][-1], runs[2]["steps"][-1]
    assert resolve["bytes_written"] == _bytes_in(built, "articles") == make["bytes_read"]
    assert make["bytes_written"] == _bytes_in(built, "examples")
    for path in built.rglob("*.json"):
        if path.name != "run.json":
            assert str(built) not in path.read_text(encoding="utf-8")
            assert "_seconds" not in path.read_text(encoding="utf-8")


def test_stages_one_by_one_give_the_same_bytes(built: Path, dumps: Path, tmp_path: Path) -> None:
    stages = (
        ("link", "--dumps", dumps, "--languages", "ja,de,en", "--validation-share", 0.1),
        ("vocabulary", "--min-languages", 1),
        ("examples", "--sentencepiece-model", dumps / "tokenizer.model"),
    )
    for stage, *flags in stages:
        ran = run(stage, "--output", tmp_path / "OUT", IN_MEMORY, *flags)
        assert ran.status == 0, ran.err
    assert checksums(tmp_path / "OUT") == checksums(built)


def test_dumps_elsewhere_and_named_in_another_order_give_the_same_bytes(
    built: Path, dumps: Path, tmp_path: Path
) -> None:
    for language, folder in (("ja", "{}wiki/20260901"), ("de", "{}wiki"), ("en", "")):
        there = tmp_path / "dumps [2026]*" / folder.format(language)
        there.mkdir(parents=True, exist_ok=True)
        for path in dumps.glob(f"{language}wiki-*"):
            (there / path.name).write_bytes(path.read_bytes())
    (tmp_path / "dumps [2026]*/tokenizer.model").write_bytes((dumps / "tokenizer.model").read_bytes())
    ran = build(tmp_path / "dumps [2026]*", tmp_path / "OUT ?", "--languages", "ja,en,de")
    assert ran.status == 0, ran.err
    assert checksums(tmp_path / "OUT ?") == checksums(built)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("workers", [1, 2])
def test_worker_processes_give_the_same_bytes(built: Path, dumps: Path, tmp_path: Path, workers: int) -> None:
    ran = build(dumps, tmp_path / "OUT", "--direct_running_mode=multi_processing", "--workers", workers)
    assert ran.status == 0, ran.err
    assert f"in {workers} worker process" in ran.err
    assert checksums(tmp_path / "OUT") == checksums(built)


def test_options_change_what_they_say(dumps: Path, tmp_path: Path) -> None:
    ran = build(
        dumps,
        tmp_path / "OUT",
        *("--min-languages", 2, "--min-count", 5, "--kinds", "article,disambiguation", "--format", "tfrecord"),
        *("--include-unknown-entities", "--keep-without-entities", "--min-sentence-pieces", 0, "--include-headings"),
    )
    assert ran.status == 0, ran.err
    output = tmp_path / "OUT"
    names = [row["name"] for row in rows(output / "vocabulary/vocabulary.parquet")]
    assert names == ["[PAD]", "[UNK]", "[MASK]", "[MASK2]", "Q64"]
    assert [path.name for path in sorted((output / "examples/en").iterdir())] == [
        "_manifest.json",
        "train-00000.tfrecord.gz",
        "validation-00000.tfrecord.gz",
    ]
    found = {}
    for split in SPLITS:
        with (output / f"examples/en/{split}-00000.tfrecord.gz").open("rb") as stream:
            found[split] = list(map(decode_example, read_tfrecords(stream)))
    examples = found["train"]
    assert {split: [(one.page_id, one.entity_ids) for one in some] for split, some in found.items()} == {
        "train": [(10, (1, 1, 1)), (20, (1, 4)), (50, (1,)), (100, (1, 1, 1, 1)), (130, (1, 4))],
        "validation": [(40, ())],
    }
    assert examples[0].token_ids[8:12] == tuple(ids("▁ <unk> er ▁The"))  # "River", a heading
    flows = load(output / "vocabulary.json")["languages"]["all"]["flows"]
    assert flows["entities"] == flow(4, 1, {"in fewer than 2 languages": 1, "linked less than 5 times": 2})


def test_a_trained_tokenizer_is_the_same_on_every_run(dumps: Path, tmp_path: Path) -> None:
    for output in (tmp_path / "one", tmp_path / "two"):
        ran = run(
            "build",
            *("--dumps", dumps, "--output", output, "--train-sentencepiece", 110, "--min-languages", 1, IN_MEMORY),
        )
        assert ran.status == 0, ran.err
    assert checksums(tmp_path / "one") == checksums(tmp_path / "two")


def write_blocks(folder: Path) -> int:
    """Writes a dump of 300 pages that compress badly, in several bzip2 blocks; its size in bytes."""

    def text(page: int) -> str:
        digests = (hashlib.sha256(f"{page}/{i}".encode()).hexdigest() for i in range(30))
        return f"Page {page} links to [[Page {page * 7 % 300}|{page}]].\n\n" + " ".join(digests)

    xml = dump_xml("en", [SmallPage(page + 1, f"Page {page}", text(page)) for page in range(300)])
    return (folder / "enwiki-20260901-pages-articles.xml.bz2").write_bytes(bz2.compress(xml.encode(), 1))


def test_every_page_once_whatever_the_ranges(tmp_path: Path) -> None:
    dump_bytes = write_blocks(tmp_path)
    articles, filled = [], []
    for size in (1 << 30, 200_000, 60_000, 9_000):
        output = tmp_path / str(size)
        flags = ("--dumps", tmp_path, "--output", output, "--allow-unresolved", "--range-size", size)
        ran = run("link", *flags, IN_MEMORY)
        assert ran.status == 0, ran.err
        files = shards(output / "articles/en")
        manifest = load(output / "articles/en/_manifest.json")
        assert len([file for file in files if file.name.startswith("train-")]) == max(1, -(-dump_bytes // size))
        written = {shard["path"].rpartition("/")[2]: shard["rows"] for shard in manifest["shards"]}
        assert written == {file.name: _rows_of(file) for file in files}
        assert manifest["flows"]["pages"] == flow(300, 300, {})
        articles.append(rows_in_order(output / "articles/en"))
        filled.append(sum(1 for path in files if path.name.startswith("train-") and _rows_of(path)))
    assert [row["page_id"] for row in articles[0]] == list(range(1, 301))
    assert articles[1:] == [articles[0]] * 3
    assert filled == [1, 2, 5, 7]  # a block holds some 40 pages: the smallest ranges have nothing
