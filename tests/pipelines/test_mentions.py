"""`mlukit mentions`: the figures of a small build by hand, and runs that are repeated, stopped or refused."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from mlukit.corpus.detection.mention_table import MentionTable
from mlukit.engine import manifests
from mlukit.engine.storage import Storage
from mlukit.pipelines.graphs import mentions
from mlukit.schemas import layout
from mlukit.schemas.arrow import MENTIONS
from tests.small_dumps import IN_MEMORY, assert_all_accounted, checksums, complaint, load, rows, run, shards
from tests.small_wikis import build

FIGURES = ("pages", "linked_pages", "occurrences", "nested", "link_probability")


def figures(output: Path, language: str) -> dict[str, tuple[Any, ...]]:
    return {
        row["anchor"]: tuple(row[name] for name in FIGURES) for row in rows(*shards(output / "mentions" / language))
    }


@pytest.fixture
def output(counted: Path, tmp_path: Path) -> Path:
    """An output folder with figures, to be changed."""
    return Path(shutil.copytree(counted, tmp_path / "OUT"))


def test_figures(counted: Path) -> None:
    assert figures(counted, "de") == {  # the page Spree, with a link Berliner, is in the validation split
        "Berlin": (1, 1, 1, 0, 1.0),
        "Deutschland": (2, 1, 2, 0, 0.5),
        "Spree": (1, 1, 1, 0, 1.0),
    }
    assert figures(counted, "ja") == {"ドイツ": (2, 1, 2, 0, 0.5), "ベルリン": (2, 1, 2, 0, 0.5)}
    assert_all_accounted(counted)


def test_the_dictionary_has_what_the_table_has(counted: Path) -> None:
    for language in ("de", "en", "ja"):
        table = MentionTable.open(counted / layout.mention_dictionary(language))
        found = {}
        for row in range(len(table)):
            qids, priors = table.candidates(row)
            candidates = zip(qids.tolist(), table.linked(row).tolist(), priors.tolist(), strict=True)
            found[table.anchor(row)] = (float(table.link_probability[row]), list(candidates))
        expected: dict[str, Any] = {}
        for one in rows(*shards(counted / "mentions" / language)):
            candidate = (int(one["qid"][1:]), one["linked"], pytest.approx(one["prior"]))
            expected.setdefault(one["anchor"], (pytest.approx(one["link_probability"]), []))[1].append(candidate)
        assert found == expected
    german = MentionTable.open(counted / layout.mention_dictionary("de"))
    assert (german.title_of(64), german.title_of(7), german.title_of(99)) == ("Berlin", "Spree", None)
    text = "An der Spree liegt Berlin"
    assert [german.anchor(row) for row in german.find(text).anchor.tolist()] == ["Spree", "Berlin"]


def test_the_folder_is_published_whole(counted: Path, built: Path) -> None:
    manifest, before = (load(folder / "mentions/de/_manifest.json") for folder in (counted, built))
    assert [shard["path"] for shard in manifest["shards"]] == [
        "mentions/de/_dictionary.arrays",
        "mentions/de/figures-00000.parquet",
    ]
    same = ("kind", "language", "options", "inputs", "sources", "schema")
    assert {name: manifest[name] for name in same} == {name: before[name] for name in same}
    assert manifest["schema"] == {field.name: str(field.type) for field in MENTIONS}
    for name in ("link.json", "vocabulary.json", "examples.json"):
        assert load(counted / name) == load(built / name)
    assert load(counted / "mentions.json")["options"] == {}
    assert not (counted / "_work").exists() or not any(path.is_file() for path in (counted / "_work").rglob("*"))
    assert {tuple(row[name] for name in FIGURES) for row in rows(*shards(built / "mentions/de"))} == {(None,) * 5}
    assert run("verify", counted, IN_MEMORY).out.endswith(
        "is whole (link, vocabulary, examples, mentions): 23 shards read again\n"
    )


def test_a_second_run_has_nothing_to_do(output: Path) -> None:
    before = checksums(output)
    ran = run("mentions", output, IN_MEMORY)
    assert (ran.status, checksums(output)) == (0, before)
    assert "mentions: already finished, nothing to do" in ran.err
    ran = run("mentions", "--output", output, "--overwrite", IN_MEMORY)
    assert (ran.status, checksums(output)) == (0, before), ran.err
    (output / "mentions.json").unlink()
    assert run("mentions", output, IN_MEMORY).status == 0
    assert checksums(output) == before


def test_the_bytes_of_a_build_in_one_go_and_with_two_workers(
    dumps: Path, built: Path, counted: Path, tmp_path: Path
) -> None:
    at_once = build(dumps, tmp_path / "once", "--link-probability")
    assert at_once.status == 0, at_once.err
    assert checksums(tmp_path / "once") == checksums(counted)
    parallel = Path(shutil.copytree(built, tmp_path / "parallel"))
    ran = run("mentions", parallel, "--workers", 2)
    assert ran.status == 0, ran.err
    assert checksums(parallel) == checksums(counted)
    again = build(dumps, parallel)
    assert "mentions" not in again.err and checksums(parallel) == checksums(counted)


@pytest.mark.parametrize("step", ["manifest", "old shards", "record"])
def test_a_run_that_ends_while_it_publishes_is_continued(
    built: Path, counted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    output = Path(shutil.copytree(built, tmp_path / "OUT"))
    with monkeypatch.context() as patch:
        if step == "manifest":  # the manifest of the second language is not written any more
            patch.setattr(mentions, "publish_manifest", _ending_after(1, manifests.publish_manifest))
        elif step == "old shards":
            patch.setattr(Storage, "delete", _refuse_old_shards(Storage.delete))
        else:
            patch.setattr(mentions.MentionsStage, "finish", _ending_after(0, None))
        assert run("mentions", output, IN_MEMORY).status == 1
    assert (output / "mentions.json").exists() is (step == "old shards")
    for language in ("de", "en", "ja"):
        assert manifests.damage_of(Storage(str(output)), f"mentions/{language}") == ""
    assert run("mentions", output, IN_MEMORY).status == 0
    assert checksums(output) == checksums(counted)


def _ending_after(calls: int, function: Any) -> Any:
    done = []

    def call(*arguments: Any, **more: Any) -> Any:
        done.append(arguments)
        if len(done) > calls:
            raise OSError("the disk is gone")
        return function(*arguments, **more)

    return call


def _refuse_old_shards(delete: Any) -> Any:
    def call(storage: Storage, path: str) -> None:
        if "/mentions-" in path:
            raise OSError("the disk is gone")
        delete(storage, path)

    return call


def test_a_new_vocabulary_has_no_figures(output: Path, built: Path, counted: Path) -> None:
    flags = ("vocabulary", "--output", output, "--min-languages", 1, IN_MEMORY)
    ran = run(*flags, "--overwrite")
    assert ran.status == 0, ran.err
    names = [path for path in checksums(built) if path.startswith(("mentions/", "vocabulary"))]
    assert {path: checksums(output)[path] for path in names} == {path: checksums(built)[path] for path in names}
    assert not (output / "mentions.json").exists()
    assert run("mentions", output, IN_MEMORY).status == 0
    (output / "vocabulary.json").unlink()
    assert run(*flags).status == 0
    assert not (output / "mentions.json").exists() and not (output / layout.mention_dictionary("de")).exists()
    assert run("mentions", output, IN_MEMORY).status == 0
    assert figures(output, "de") == figures(counted, "de")


def test_new_examples_leave_the_figures(dumps: Path, output: Path, counted: Path) -> None:
    model = ("--sentencepiece-model", dumps / "tokenizer.model")
    ran = run("examples", "--output", output, "--overwrite", *model, IN_MEMORY)
    assert ran.status == 0, ran.err
    assert checksums(output) == checksums(counted)


def test_damage_is_found_and_repaired(output: Path, counted: Path) -> None:
    path = output / layout.mention_dictionary("en")
    content = bytearray(path.read_bytes())
    content[100] ^= 1
    path.write_bytes(content)
    ran = run("verify", output, IN_MEMORY)
    assert (ran.status, ran.out.splitlines()[0].split()[:2]) == (1, ["changed", "mentions/en/_dictionary.arrays:"])
    assert "run mlukit vocabulary, mlukit mentions, or mlukit build for all" in ran.out
    path.unlink()
    assert "the vocabulary stage is finished, but mentions/en/_dictionary.arrays is missing" in complaint(
        run("mentions", output, IN_MEMORY)
    )
    for name in ("vocabulary.json", "mentions.json"):
        (output / name).unlink()
    assert run("vocabulary", "--output", output, "--min-languages", 1, IN_MEMORY).status == 0
    assert run("mentions", output, IN_MEMORY).status == 0
    assert checksums(output) == checksums(counted)


def test_what_is_refused(built: Path, dumps: Path, tmp_path: Path) -> None:
    assert "--output is missing" in complaint(run("mentions"))
    linked = tmp_path / "OUT"
    assert run("link", "--dumps", dumps, "--output", linked, IN_MEMORY).status == 0
    assert complaint(run("mentions", linked)) == (
        f"mlukit mentions: {linked} has no finished vocabulary stage, which mentions needs: run mlukit vocabulary first"
    )


def test_a_dry_run(built: Path) -> None:
    before = checksums(built)
    ran = run("mentions", built, "--dry-run")
    assert (ran.status, ran.err) == (0, "")
    assert ran.out.splitlines()[0] == "stages to do: mentions"
    assert checksums(built) == before


def test_records_are_shown(counted: Path) -> None:
    ran = run("inspect", counted / "mentions/de", "--qid", "Q7")
    assert '"nested": 0, "link_probability": 1.0}' in ran.out
    assert "== mentions/de" in run("inspect", counted, "--qid", "Q7").out
