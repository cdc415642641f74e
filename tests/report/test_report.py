"""`mlukit report`: its numbers, its bytes, and the folders that it accepts."""

import json
import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlukit.schemas.arrow import VOCABULARY
from tests.small_dumps import IN_MEMORY, checksums, complaint, load, run
from tests.small_wikis import build

LENGTHS = [0] * 15
NUMBERS: dict[str, Any] = {
    "sample": {"seed": 0, "complete": False, "row_groups_of_a_folder": 4, "everything_was_read": True},
    "stages": {"link": "finished", "vocabulary": "finished", "mentions": "not finished", "examples": "finished"},
    "problems": [],
    "damage": [],
    "total": {
        "pages": 20,
        "articles": 12,
        "articles_read": 12,
        "articles_with_item": 10,
        "kinds": {"article": 10, "disambiguation": 1, "list": 1},
        "characters": 443,
        "text_share_in_mentions": 0.257336,
        "wikitext_bytes": 800,
        "xml_bytes": 6553,
        "links_found": 23,
        "links": 21,
        "links_with_item": 16,
        "links_by_status": {
            "resolved": 14,
            "redirected": 2,
            "red": 2,
            "redirect_loop": 1,
            "redirect_broken": 1,
            "unknown_wiki": 1,
        },
        "anchor_item_pairs": 12,
        "examples": {"train": 9, "validation": 1, "tokens": 109, "sentences": 12, "mentions": 13},
        "examples_read": 10,
        "examples_by_length": [10, *LENGTHS],
        "damaged_files": 0,
        "failed": 1,
    },
    "bin_tokens": 32,
    "anchors": {
        "languages": {
            "de": {"pairs_read": 3, "anchors_read": 3, "anchors_with_several_items": 0},
            "en": {"pairs_read": 7, "anchors_read": 6, "anchors_with_several_items": 1},
            "ja": {"pairs_read": 2, "anchors_read": 2, "anchors_with_several_items": 0},
        },
        "most_linked": [
            {"language": "en", "anchor": "Berlin", "qid": "Q64", "linked": 2, "prior": 1.0},
            {"language": "en", "anchor": "Spree", "qid": "Q7", "linked": 2, "prior": 2 / 3},
            {"language": "de", "anchor": "Berlin", "qid": "Q64", "linked": 1, "prior": 1.0},
            {"language": "de", "anchor": "Deutschland", "qid": "Q183", "linked": 1, "prior": 1.0},
            {"language": "ja", "anchor": "ドイツ", "qid": "Q183", "linked": 1, "prior": 1.0},
            {"language": "ja", "anchor": "ベルリン", "qid": "Q64", "linked": 1, "prior": 1.0},
        ],
    },
    "failures": [
        {
            "stage": "link",
            "reason": "malformed_xml",
            "number": 1,
            "languages": {"en": 1},
            "example": {
                "language": "en",
                "page_id": 110,
                "title": "Broken",
                "detail": "not well-formed (invalid token): line 1, column 78",
            },
        }
    ],
    "audit": {},
}
GERMAN = {
    "pages": 3,
    "articles": 3,
    "articles_read": 3,
    "articles_with_item": 3,
    "kinds": {"article": 3},
    "characters": 114,
    "text_share_in_mentions": 0.263158,  # Spree, Deutschland, Berliner, Berlin: 30 of 114
    "wikitext_bytes": 134,
    "xml_bytes": 1158,
    "links_found": 4,
    "links": 4,
    "links_with_item": 4,
    "links_by_status": {"resolved": 4},
    "anchor_item_pairs": 3,
    "examples": {"train": 2, "validation": 1, "tokens": 30, "sentences": 3, "mentions": 4},
    "examples_read": 3,
    "examples_by_length": [3, *LENGTHS],
    "damaged_files": 0,
    "failed": 0,
}
NAMES = {"Q64": "Berlin", "Q7": "Spree", "Q183": "Germany", "Q8": "Spree", "Q99": "Old Germany"}
ENTITIES = [("Q64", 5, 3), ("Q7", 4, 2), ("Q183", 4, 3), ("Q8", 1, 1), ("Q99", 1, 1)]  # links, languages


@pytest.fixture
def output(built: Path, tmp_path: Path) -> Path:
    """An output folder, to be changed."""
    return Path(shutil.copytree(built, tmp_path / "OUT"))


def report(output: Path, *flags: object) -> Any:
    """Runs the command, and returns the value of report.json."""
    ran = run("report", output, *flags)
    assert ran.status == 0, ran.err
    return load(output / "report/report.json")


def test_the_numbers_of_a_small_build(output: Path) -> None:
    numbers = report(output)
    assert {key: numbers[key] for key in NUMBERS} == NUMBERS
    assert numbers["languages"]["de"] == GERMAN
    assert numbers["entities"] == {
        "entities": 5,
        "entities_read": 5,
        "entities_with_one_link": 2,
        "links": 15,
        "links_to_the_most_linked_100": 15,
        "by_number_of_languages": {"1": 2, "2": 1, "3": 2},
        "languages_shown": ["de", "en", "ja"],
        "shared": [[3, 3, 2], [3, 5, 2], [2, 2, 2]],
        "most_linked": [
            {"name": name, "label": {"language": "en", "text": NAMES[name]}, "links": links, "languages": languages}
            for name, links, languages in ENTITIES
        ],
        "links_by_rank": [
            {"name": name, "label": {"language": "en", "text": NAMES[name]}, "links": links, "rank": rank}
            for rank, (name, links, _) in enumerate(ENTITIES, 1)
        ],
    }
    pages = next(row for row in numbers["flows"] if row["what"] == "pages" and row["stage"] == "link")
    assert pages["reasons"] == {"redirect": 5, "empty_text": 1, "malformed_xml": 1, "other namespaces": 1}
    assert all(row["in"] == row["out"] + row["failed"] + row["skipped"] for row in numbers["flows"])
    runs = load(output / "run.json")["runs"]
    assert [row["step"] for row in numbers["steps"]] == [
        name for one in runs for name in [*(step["step"] for step in one["steps"]), "all"]
    ]


def test_the_same_folder_gives_the_same_bytes_and_another_seed_other_texts(output: Path) -> None:
    written = []
    for flags in ([], [], ["--complete"], ["--seed", 1, "--samples", 1], ["--samples", 0]):
        report(output, *flags)
        written.append([(output / "report" / name).read_bytes() for name in ("index.html", "report.json")])
    assert written[0] == written[1]
    pages = [page.decode() for page, _ in written]
    assert [page.count("<article") for page in pages] == [16, 16, 16, 6, 0]  # ja has 2 of each
    assert str(output.parent) not in pages[0]  # the page may be published
    assert json.loads(written[2][1])["total"] == NUMBERS["total"]


def test_other_commands_know_the_report(dumps: Path, output: Path) -> None:
    before = checksums(output)
    report(output)
    assert set(checksums(output)) - set(before) == {"report/index.html", "report/report.json"}
    verified = run("verify", output)
    assert verified.status == 0 and "is whole" in verified.out
    folder = output / "report"
    assert f"open {folder}/index.html in a browser" in complaint(run("inspect", folder))
    ran = build(dumps, output, "--overwrite", "--languages", "de")
    assert ran.status == 0 and "did not write" not in ran.err
    assert not folder.exists()


@pytest.mark.parametrize(
    ("stages", "missing"),
    [([], ["languages", "entities", "examples"]), (["link"], ["entities", "examples"]), (["vocabulary"], ["examples"])],
)
def test_an_output_with_some_stages(dumps: Path, tmp_path: Path, stages: list[str], missing: list[str]) -> None:
    output = tmp_path / "OUT"
    output.mkdir()
    (output / "run.json").write_text('{"runs": []}')
    commands = {"link": ["link"], "vocabulary": ["link", "vocabulary"]}[stages[0]] if stages else []
    for command in commands:
        flags = ["--dumps", dumps, "--validation-share", 0.1] if command == "link" else ["--min-languages", 1]
        assert run(command, "--output", output, *flags).status == 0
    numbers, page = report(output), (output / "report/index.html").read_text()
    assert numbers["stages"]["examples"] == "not finished"
    assert [name for name in ("languages", "entities", "examples") if f'<section id="{name}"' not in page] == missing
    assert ("no stage was begun" in page) == (not stages)


def test_damage_comes_first(output: Path) -> None:
    record = load(output / "link.json")
    file = {"language": "de", "kind": "dump", "name": "dewiki.xml.bz2", "bytes": 9, "pages": 1, "index": None}
    record["damaged"] = [
        {**file, "damage": {"truncated": 1}, "places": [{"byte": 9, "reason": "truncated"}], "checksums": []}
    ]
    (output / "link.json").write_text(json.dumps(record))
    (output / "vocabulary.json").write_text("[]")
    numbers, page = report(output), (output / "report/index.html").read_text()
    assert numbers["damage"][0]["text"].startswith("de: dewiki.xml.bz2 is cut off, at byte 9 of 9")
    assert any("vocabulary.json: the file is not the record of a stage" in problem for problem in numbers["problems"])
    assert page.index("is cut off") < page.index("not the record") < page.index('<section id="overview"')
    assert '<section id="entities"' not in page


def test_folders_that_are_refused(output: Path, tmp_path: Path) -> None:
    assert "has no run.json: name an output folder that mlukit wrote" in complaint(run("report", tmp_path))
    assert "OUT is missing" in complaint(run("report"))
    shard = output / "articles/de/train-00000.parquet"
    shard.write_bytes(shard.read_bytes()[:-9])
    ran = run("report", output)
    assert ran.status == 1 and f"{shard} cannot be read" in ran.err and "see mlukit verify" in ran.err
    shard.unlink()
    assert f"{shard} cannot be read" in run("report", output).err
    assert not (output / "report").exists()


def test_examples_in_another_format_only(dumps: Path, tmp_path: Path) -> None:
    output = tmp_path / "OUT"
    assert build(dumps, output, "--format", "tfrecord").status == 0
    assert report(output)["total"] == NUMBERS["total"]


def test_a_large_vocabulary_is_sampled(output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlukit.report.vocabulary_numbers.MOST_GROUPS", 10)
    rows = [vocabulary_row(number) for number in range(4)]
    rows += [vocabulary_row(number, max(1, 20_000 // (number - 3))) for number in range(4, 40_004)]
    pq.write_table(pa.Table.from_pylist(rows, VOCABULARY), output / "vocabulary/vocabulary.parquet", row_group_size=100)
    sampled, whole = (report(output, *flags)["entities"] for flags in ([], ["--complete"]))
    assert sampled["entities"] == whole["entities"] == whole["entities_read"] == 40_000 > sampled["entities_read"]
    assert sampled["links_by_rank"] == whole["links_by_rank"]
    assert whole["links_by_rank"][-1] == {
        "rank": 40_000,
        "links": 1,
        "name": "Q40003",
        "label": {"language": "en", "text": "Item 40003"},
    }
    assert "All numbers are exact." in (output / "report/index.html").read_text()
    assert report(output) and "Numbers are exact, except" in (output / "report/index.html").read_text()


def test_columns_that_newer_folders_have(output: Path) -> None:
    path = output / "articles/de/train-00000.parquet"
    rows = pq.read_table(path).to_pylist()
    for row in rows:
        row["links"] = [{**link, "source": "editor" if n else "title"} for n, link in enumerate(row["links"])]
    links = sum(len(row["links"]) for row in rows)
    pq.write_table(pa.Table.from_pylist(rows), path)
    (mentions,) = (output / "mentions/ja").glob("*.parquet")
    table = pq.read_table(mentions)
    place = table.schema.get_field_index("link_probability")
    pq.write_table(table.set_column(place, "link_probability", pa.array([0.25, 0.5])), mentions)
    numbers, page = report(output), (output / "report/index.html").read_text()
    assert sum(numbers["total"]["links_by_source"].values()) == links
    assert numbers["total"]["links_by_source"]["title"] == sum(bool(row["links"]) for row in rows)
    found = {row["anchor"]: row.get("link_probability") for row in numbers["anchors"]["most_linked"]}
    assert {found["ドイツ"], found["ベルリン"]} == {0.25, 0.5}
    assert "Who made the links" in page and '<th scope="col">link probability</th>' in page and "<td>25.0%</td>" in page


def test_what_an_audit_found(dumps: Path, output: Path) -> None:
    assert run("audit", output, "--dumps", dumps, IN_MEMORY).status == 0
    numbers, page = report(output)["audit"], (output / "report/index.html").read_text()
    assert list(numbers["residue"]) == list(numbers["links"]) == ["de", "en", "ja"]
    assert numbers["residue"]["de"] == {"pages": 3, "paragraphs": 3, "per_thousand_paragraphs": {}}
    german = {"pages": 3, "right": 4, "wrong": 0, "missed": 0, "precision": None, "recall": 1.0}
    assert numbers["links"]["de"] == german
    assert '<section id="quality"' in page and "<td>100.000%</td>" in page


def vocabulary_row(number: int, count: int = 0) -> dict[str, Any]:
    """A row of a vocabulary; the first four rows are special entities."""
    item = f"Q{number}" if count else None
    return {
        "entity_id": number,
        "name": item or f"[{number}]",
        "qid": item,
        "count": count,
        "counts": [{"language": "en", "count": count}] if count else [],
        "titles": [],
        "labels": [{"language": "en", "label": f"Item {number}"}] if count else [],
    }
