"""The dataset card: `datasets` loads what it names, and a user's own card is safe."""

import json
import shutil
from pathlib import Path
from typing import Any

import datasets
import pytest
import yaml
from datasets import Features, load_dataset

from mlukit.engine.storage import Storage
from mlukit.pipelines.reports.dataset_card import Table, _size, dataset_card, is_unchanged, tables_of
from mlukit.schemas import arrow
from tests.small_dumps import SmallPage, checksums, rows, run, write_dump, write_items
from tests.small_wikis import build


@pytest.fixture(autouse=True)
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")


def metadata(output: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((output / "README.md").read_text(encoding="utf-8").split("---\n")[1])
    return found


def load(output: Path, name: str, **more: Any) -> Any:
    return load_dataset(str(output), name, cache_dir=str(output.parent / "cache"), **more)


def test_the_metadata_names_every_folder_with_its_splits_and_features(built: Path) -> None:
    found = metadata(built)
    names = [one["config_name"] for one in found["configs"]]
    kinds = [f"{kind}-{language}" for kind in ("articles", "examples", "mentions") for language in ("de", "en", "ja")]
    assert names == [one["config_name"] for one in found["dataset_info"]] == [*kinds, "vocabulary"]
    assert (found["language"], found["license"], found["size_categories"]) == (
        ["de", "en", "ja"],
        "cc-by-sa-4.0",
        ["n<1K"],
    )
    splits = {one["config_name"]: [files["split"] for files in one["data_files"]] for one in found["configs"]}
    assert splits["examples-de"] == ["train", "validation"]
    assert splits["examples-ja"] == splits["mentions-de"] == ["train"]  # no page of ja is in validation
    for one in found["dataset_info"]:
        schema = getattr(arrow, one["config_name"].partition("-")[0].upper())
        assert Features._from_yaml_list(one["features"]) == Features.from_arrow_schema(schema)


@pytest.mark.parametrize("name", ["articles-en", "examples-de", "examples-ja", "mentions-ja", "vocabulary"])
@pytest.mark.parametrize("streaming", [False, True])
def test_datasets_loads_each_configuration(built: Path, tmp_path: Path, name: str, streaming: bool) -> None:
    found = load_dataset(str(built), name, streaming=streaming, cache_dir=str(tmp_path))
    folder = built / name.replace("-", "/")
    for split in found:
        files = sorted(folder.glob(f"{split}-*.parquet")) or sorted(folder.glob("*.parquet"))
        assert list(found[split]) == rows(*files)
    assert sorted(found) == (["train", "validation"] if name in ("articles-en", "examples-de") else ["train"])


def test_formats_without_parquet_have_no_configuration(dumps: Path, tmp_path: Path) -> None:
    output = tmp_path / "OUT"
    assert build(dumps, output, "--format", "tfrecord,jsonl").status == 0
    names = [one["config_name"] for one in metadata(output)["configs"]]
    assert [name for name in names if name.startswith("examples")] == []
    assert list(load(output, "mentions-de")["train"])
    assert 'load_dataset("OUT", "articles-de")' in (output / "README.md").read_text()


def test_a_split_without_rows_and_a_language_without_examples_are_left_out(dumps: Path, tmp_path: Path) -> None:
    folder, output = tmp_path / "dumps", tmp_path / "OUT"
    shutil.copytree(dumps, folder)
    write_dump(folder, "fr", [SmallPage(1, "Paris", "Paris est une ville.")])
    write_items(folder, "fr", {1: 90})
    assert build(folder, output, "--validation-share", "0.99").status == 0
    splits = {
        one["config_name"]: [files["split"] for files in one["data_files"]] for one in metadata(output)["configs"]
    }
    assert "examples-fr" not in splits and "mentions-fr" not in splits
    assert splits["articles-fr"] == splits["examples-ja"] == ["validation"]
    assert load(output, "articles-fr")["validation"]["title"][:] == ["Paris"]
    assert "| fr | 0 | 1 | 0 | 0 |" in (output / "README.md").read_text()


def test_after_each_stage_the_card_names_what_is_there(dumps: Path, built: Path, tmp_path: Path) -> None:
    output = tmp_path / "OUT"
    flags = ("--dumps", dumps, "--output", output, "--validation-share", 0.1)
    assert run("link", *flags).status == 0
    assert {one["config_name"].partition("-")[0] for one in metadata(output)["configs"]} == {"articles"}
    assert "- `examples`" not in (output / "README.md").read_text()
    assert build(dumps, output).status == 0
    assert (output / "README.md").read_bytes() == (built / "README.md").read_bytes()
    assert run("verify", output).status == 0


def test_the_card_has_no_path_and_is_the_same_again(built: Path, dumps: Path, tmp_path: Path) -> None:
    card = (built / "README.md").read_bytes()
    assert dataset_card(Storage(str(built))) == card and is_unchanged(card)
    assert str(built.parent).encode() not in card
    assert build(dumps, tmp_path / "elsewhere").status == 0
    assert checksums(tmp_path / "elsewhere") == checksums(built)


def test_a_card_that_a_user_changed_stays_and_is_told(dumps: Path, tmp_path: Path) -> None:
    output = tmp_path / "OUT"
    assert build(dumps, output).status == 0
    card = output / "README.md"
    own = card.read_text() + "\nAsk me about this dataset.\n"
    card.write_text(own)
    again = build(dumps, output)
    assert (again.status, card.read_text()) == (0, own)
    assert f"{card} is not as mlukit wrote it, and stays: delete the file to get a new card" in again.err
    forced = build(dumps, output, "--overwrite")
    assert (forced.status, card.read_text()) == (0, own)
    assert f"files in {output} that mlukit did not write are kept: README.md" in forced.err
    assert run("verify", output).status == 0
    card.unlink()
    assert build(dumps, output).status == 0
    assert is_unchanged(card.read_bytes())


def test_overwrite_replaces_the_card_of_mlukit(dumps: Path, tmp_path: Path) -> None:
    output = tmp_path / "OUT"
    assert build(dumps, output).status == 0
    before = (output / "README.md").read_bytes()
    again = build(dumps, output, "--overwrite", "--format", "jsonl")
    assert again.status == 0 and "did not write" not in again.err
    assert (output / "README.md").read_bytes() != before


@pytest.mark.parametrize(
    ("number", "size"),
    [(0, "n<1K"), (999, "n<1K"), (1000, "1K<n<10K"), (10_000, "10K<n<100K"), (10**9, "1B<n<10B"), (10**12, "1B<n<10B")],
)
def test_size_classes_are_those_of_the_hub(number: int, size: str) -> None:
    assert _size([Table("articles", "en", {"train": number})]) == size


def test_tables_have_the_rows_of_their_manifests(built: Path) -> None:
    for table in tables_of(Storage(str(built))):
        assert min(table.rows.values()) > 0
        manifest = json.loads((built / table.name.replace("-", "/") / "_manifest.json").read_text())
        shards = [shard for shard in manifest["shards"] if shard["path"].endswith(".parquet")]
        assert sum(table.rows.values()) == sum(shard["rows"] for shard in shards)
