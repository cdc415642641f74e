"""Output folders of another version of mlukit are refused by name, with what to do."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.small_dumps import IN_MEMORY, complaint, load, run
from tests.small_wikis import build

WHAT_TO_DO = "Build the dumps again into another output folder, or use the mlukit that wrote it"


@pytest.fixture
def output(built: Path, tmp_path: Path) -> Path:
    """A finished output folder, to be changed."""
    return Path(shutil.copytree(built, tmp_path / "OUT"))


def change(file: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    """Writes a JSON file again, after an edit of its value."""
    value = load(file)
    edit(value)
    file.write_text(json.dumps(value))


def said(file: Path, part: str, found: object, expected: int) -> str:
    versions = f"its {part} is {found!r}, and this mlukit reads {expected}"
    return f"{file} is from another version of mlukit: {versions}. {WHAT_TO_DO}"


def complaints(dumps: Path, output: Path) -> dict[str, str]:
    """What each command says of an output folder."""
    own = ("--output", output, IN_MEMORY)
    ran = {
        "build": build(dumps, output),
        "link": run("link", "--dumps", dumps, "--validation-share", 0.1, *own),
        "vocabulary": run("vocabulary", "--min-languages", 1, *own),
        "examples": run("examples", "--sentencepiece-model", dumps / "tokenizer.model", *own),
        "audit": run("audit", output, IN_MEMORY),
        "verify": run("verify", output, IN_MEMORY),
        "inspect": run("inspect", output),
    }
    assert {one.status for one in ran.values()} == {2}
    return {command: complaint(one).removeprefix(f"mlukit {command}: ") for command, one in ran.items()}


@pytest.mark.parametrize(("part", "expected"), [("schema_version", 1), ("title_index_version", 2)])
def test_a_record_of_another_version(dumps: Path, output: Path, part: str, expected: int) -> None:
    change(output / "link.json", lambda record: record["formats"].update({part: 0}))
    found = complaints(dumps, output)
    assert set(found.values()) == {said(output / "link.json", part, 0, expected)}


def test_a_record_from_before_records_named_their_formats(dumps: Path, output: Path) -> None:
    for stage in ("link", "vocabulary", "examples"):
        change(output / f"{stage}.json", lambda record: record.pop("formats"))
    assert run("inspect", output).status == 0
    assert run("audit", output, IN_MEMORY).status == 0


def test_a_plan_of_another_version(dumps: Path, output: Path) -> None:
    record = load(output / "link.json")
    shutil.rmtree(output)
    (output / "_work").mkdir(parents=True)
    (output / "run.json").write_text('{"runs": []}')
    plan = {"formats": {"schema_version": 0, "title_index_version": 2}}
    plan |= {name: record[name] for name in ("options", "inputs")}
    (output / "_work/link.plan.json").write_text(json.dumps(plan))
    assert complaint(build(dumps, output)).endswith(said(output / "_work/link.plan.json", "schema_version", 0, 1))


def test_a_manifest_of_another_version(output: Path) -> None:
    manifest = output / "articles/en/_manifest.json"
    change(manifest, lambda value: value.update(schema_version=0))
    expected = said(manifest, "schema_version", 0, 1)
    assert complaint(run("vocabulary", "--min-languages", 1, "--output", output, IN_MEMORY)).endswith(expected)
    assert complaint(run("audit", output, IN_MEMORY)).endswith(expected)
    assert complaint(run("inspect", output / "articles/en")).endswith(expected)


def test_a_title_index_of_another_version(output: Path) -> None:
    header = output / "index/en/header.json"
    change(header, lambda value: value.update(version=1))
    (output / "vocabulary.json").unlink()
    ran = run("vocabulary", "--min-languages", 1, "--output", output, IN_MEMORY)
    assert complaint(ran) == f"mlukit vocabulary: {said(header, 'version', 1, 2)}"
