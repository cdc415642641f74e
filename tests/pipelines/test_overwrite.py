"""`--dry-run` and `--overwrite`: what a run would do, and the removal of what earlier runs wrote, of nothing else."""

import json
import shutil
from pathlib import Path

import pytest

from mlukit.engine.storage import Storage
from mlukit.pipelines.graphs.stages import STAGES
from mlukit.pipelines.preparation.old_output import find_old_output, remove
from mlukit.pipelines.settings import SettingsError
from tests.small_dumps import IN_MEMORY, checksums, complaint, load, run
from tests.small_wikis import build


@pytest.fixture
def output(built: Path, tmp_path: Path) -> Path:
    """An output folder, to be changed."""
    return Path(shutil.copytree(built, tmp_path / "OUT"))


def test_a_dry_run_shows_the_plan_and_writes_nothing(dumps: Path, tmp_path: Path) -> None:
    ran = build(dumps, tmp_path / "OUT", "--dry-run")
    assert (ran.status, ran.err) == (0, "")
    lines = ran.out.splitlines()
    assert "de: 1 shard, items from page_props" in lines
    assert "ja: 1 shard, items from langlinks" in lines
    assert any(line.endswith(f" B  dump  {dumps}/dewiki-20260901-pages-articles.xml.bz2") for line in lines)
    assert "stages to do: link, vocabulary, examples" in lines
    assert [line.partition(":")[0] for line in lines[-3:]] == ["disk", "time", "Nothing was written (--dry-run)."]
    assert not (tmp_path / "OUT").exists()


def test_a_dry_run_tells_what_is_finished_and_refuses_what_a_run_would(dumps: Path, output: Path) -> None:
    before = checksums(output)
    ran = build(dumps, output, "--dry-run")
    assert "stages to do: none; already finished: link, vocabulary, examples" in ran.out.splitlines()
    assert "was made with min_count = 1, now it is 2" in complaint(build(dumps, output, "--dry-run", "--min-count", 2))
    assert checksums(output) == before


def test_overwrite_removes_what_manifests_name_and_nothing_else(dumps: Path, output: Path, built: Path) -> None:
    foreign = ["notes.txt", "articles/en/mine.txt", "examples/xx/mine.parquet"]
    for name in foreign:
        (output / name).parent.mkdir(exist_ok=True)
        (output / name).write_text("mine")
    named = ", ".join(sorted(foreign))
    planned = build(dumps, output, "--overwrite", "--dry-run", "--languages", "de,en")
    assert planned.status == 0 and f"files in {output} that mlukit did not write are kept: {named}" in planned.out
    assert (output / "link.json").exists()
    ran = build(dumps, output, "--overwrite", "--languages", "de,en")
    assert ran.status == 0, ran.err
    assert f"--overwrite: files in {output} that mlukit did not write are kept: {named}" in ran.err.splitlines()
    assert load(output / "link.json")["inputs"]["languages"] == ["de", "en"]
    assert not (output / "articles/ja").exists() and not (output / "index/ja").exists()
    assert [(output / name).read_text() for name in foreign] == ["mine"] * 3
    assert build(dumps, output, "--overwrite").status == 0
    for name in foreign:
        (output / name).unlink()
    assert checksums(output) == checksums(built)
    assert len(load(output / "run.json")["runs"]) == 3


def test_overwrite_of_a_stage_leaves_those_before_it(dumps: Path, output: Path) -> None:
    before = checksums(output)
    ran = run("vocabulary", "--output", output, "--min-languages", 3, "--overwrite", IN_MEMORY)
    assert ran.status == 0, ran.err
    after = checksums(output)
    assert {name for name in after if before.get(name) == after[name]} >= {
        name for name in before if name.startswith(("articles/", "index/", "failures/", "link.json"))
    }
    assert not (output / "examples.json").exists() and not (output / "examples").exists()


def test_what_an_unfinished_stage_wrote_is_removed_by_its_receipts(output: Path, dumps: Path, built: Path) -> None:
    shards = load(output / "examples/de/_manifest.json")["shards"]
    receipt = output / "_work/results/examples/de/00000.json"
    receipt.parent.mkdir(parents=True)
    receipt.write_text(json.dumps({"task": "examples/de/00000", "shards": shards}))
    for name in ("examples.json", "examples/de/_manifest.json"):
        (output / name).unlink()
    ran = build(dumps, output, "--overwrite")
    assert ran.status == 0 and "did not write" not in ran.err, ran.err
    assert checksums(output) == checksums(built)


@pytest.mark.parametrize("path", ["../victim", "articles/en/../../../victim", "/etc/hostname", "articles/de/x", 3])
def test_a_manifest_that_names_other_files_is_refused(dumps: Path, output: Path, path: object) -> None:
    victim = output.parent / "victim"
    victim.write_text("mine")
    manifest = output / "articles/en/_manifest.json"
    value = load(manifest)
    value["shards"][0]["path"] = path
    manifest.write_text(json.dumps(value))
    before = checksums(output)
    said = complaint(build(dumps, output, "--overwrite"))
    assert said.startswith(f"mlukit build: {manifest} names {path!r}, which is not in {output}/articles/en, ")
    assert victim.read_text() == "mine" and checksums(output) == before


def test_a_symbolic_link_does_not_lead_out_of_the_folder(output: Path) -> None:
    elsewhere = output.parent / "elsewhere"
    (output / "articles").rename(elsewhere)
    (output / "articles").symlink_to(elsewhere)
    files = sorted(path for path in elsewhere.rglob("*") if path.is_file())
    storage = Storage(str(output))
    try:
        remove(storage, find_old_output(storage, STAGES[0]))
    except SettingsError as error:
        assert "leads out of" in str(error)
    assert files and all(path.exists() for path in files)


def test_what_is_refused_leaves_the_old_output(dumps: Path, output: Path, tmp_path: Path) -> None:
    before = checksums(output)
    assert build(dumps, output, "--overwrite", "--languages", "fr").status == 2
    assert build(dumps, output, "--overwrite", "--min-languages", 9).status == 2
    (output / "index/de/mine").write_text("mine")
    assert complaint(build(dumps, output, "--overwrite")).startswith(
        f"mlukit build: {output}/index/de/mine is not a file"
    )
    (output / "index/de/mine").unlink()
    assert checksums(output) == before
    (tmp_path / "other").mkdir()
    (tmp_path / "other/thesis.tex").touch()
    assert "has files that mlukit did not write (thesis.tex)" in complaint(
        build(dumps, tmp_path / "other", "--overwrite")
    )
