"""`mlukit build` on the bundled sample: what `./run sample` does."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds
import pytest

from tests.documents import code_of

ROOT = Path(__file__).resolve().parents[1]
LANGUAGES = ["ar", "de", "en", "es", "hi", "ja", "ko", "ru", "th", "zh"]


def build(output: Path) -> str:
    """Runs the command as a user would, from another folder; what it says."""
    command = [sys.executable, "-m", "mlukit", "build", "--config", str(ROOT / "sample/sample.toml")]
    arguments = ["--dumps", str(ROOT / "sample/dumps"), "--output", str(output)]
    done = subprocess.run(
        [*command, *arguments],
        cwd=output.parent,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=250,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("sample") / "out"
    build(output)
    return output


def test_every_language_has_examples(built: Path) -> None:
    assert sorted(folder.name for folder in (built / "examples").iterdir()) == LANGUAGES
    for language in LANGUAGES:
        table = ds.dataset(built / "examples" / language, format="parquet", exclude_invalid_files=True).to_table()
        assert table.num_rows >= 20
        assert all(entities for entities in table["entity_ids"].to_pylist())


@pytest.mark.parametrize("language", LANGUAGES)
def test_anchors_stand_where_the_links_say(built: Path, language: str) -> None:
    folder = built / "articles" / language
    columns = ["title", "text", "links"]
    rows = ds.dataset(folder, format="parquet", exclude_invalid_files=True).to_table(columns=columns).to_pylist()
    anchors = [row["text"][link["start"] : link["end"]] for row in rows for link in row["links"]]
    assert len(anchors) >= 150
    assert all(anchor == anchor.strip() and anchor and "\n" not in anchor for anchor in anchors)
    resolved = [link["qid"] is not None for row in rows for link in row["links"]]
    assert sum(resolved) / len(resolved) > 0.75


def test_the_same_item_in_every_language(built: Path) -> None:
    titles = {}
    for language in LANGUAGES:
        folder = built / "articles" / language
        rows = ds.dataset(folder, format="parquet", exclude_invalid_files=True).to_table(columns=["title", "qid"])
        titles[language] = {row["title"] for row in rows.to_pylist() if row["qid"] == "Q64"}
    assert titles == {
        "ar": {"برلين"},
        "de": {"Berlin"},
        "en": {"Berlin"},
        "es": {"Berlín"},
        "hi": {"बर्लिन"},
        "ja": {"ベルリン"},
        "ko": {"베를린"},
        "ru": {"Берлин"},
        "th": {"เบอร์ลิน"},
        "zh": {"柏林"},
    }


def test_one_page_fails_and_is_named(built: Path) -> None:
    files = sorted(str(file) for file in (built / "failures").rglob("*.parquet"))
    rows = ds.dataset(files).to_table(columns=["language", "reason", "title"]).to_pylist()
    assert rows == [{"language": "en", "reason": "malformed_xml", "title": "Page that does not parse"}]


def test_second_run_does_nothing(built: Path) -> None:
    before = {file: file.stat().st_mtime_ns for file in (built / "examples").rglob("*") if file.is_file()}
    said = build(built)
    assert "nothing to do" in said
    assert {file: file.stat().st_mtime_ns for file in (built / "examples").rglob("*") if file.is_file()} == before


def test_vocabulary_is_readable(built: Path) -> None:
    lines = (built / "vocabulary" / "vocabulary.jsonl").read_text(encoding="utf-8").splitlines()
    entities = [json.loads(line) for line in lines]
    assert [entity["name"] for entity in entities[:4]] == ["[PAD]", "[UNK]", "[MASK]", "[MASK2]"]
    assert len(entities) >= 100


def run(*words: str, text: str = "") -> str:
    """What another command prints, with a text on its standard input."""
    command = [sys.executable, "-m", "mlukit", *words]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=environment, input=text, capture_output=True, text=True, timeout=250)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_audit_and_verify_take_the_sample(built: Path) -> None:
    said = run("audit", str(built), "--dumps", str(ROOT / "sample/dumps"))
    assert [line.split()[0] for line in said.splitlines()[3:13]] == LANGUAGES
    residue = json.loads((built / "audit/residue.json").read_text())
    assert sorted(residue) == LANGUAGES
    assert run("verify", str(built)).startswith(f"{built} is whole")


def test_the_pipeline_of_the_beam_page_gives_what_the_command_wrote(built: Path, tmp_path: Path) -> None:
    (code,) = (code for code in code_of(ROOT / "docs/beam.md") if code.language == "python")
    (tmp_path / "sample").symlink_to(ROOT / "sample")
    (tmp_path / "sample-output").symlink_to(built)
    (tmp_path / "pipeline.py").write_text(code.text)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "pipeline.py"], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=250
    )
    assert done.returncode == 0, done.stderr
    for kind in ("examples", "failures"):
        made = ds.dataset([str(file) for file in (tmp_path / "beam-output").glob(f"{kind}*")]).to_table()
        written = ds.dataset(built / kind / "en", format="parquet", exclude_invalid_files=True).to_table()
        assert made.num_rows and in_order(made) == in_order(written)


def in_order(rows: pa.Table) -> list[dict[str, Any]]:
    """Rows of examples or failures by page and number."""
    return sorted(rows.to_pylist(), key=lambda row: (row["page_id"], row.get("index", 0)))


def test_the_commands_of_the_readme_annotate_a_sentence(built: Path) -> None:
    lines = re.findall(
        r"^echo '(.*)' \| \.venv/bin/mlukit annotate sample-output (--language \w+ -)$",
        (ROOT / "README.md").read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    found = [json.loads(run("annotate", str(built), *words.split(), text=text))["mentions"] for text, words in lines]
    assert [[(name["text"], name["qid"]) for name in names] for names in found] == [
        [("ベルリン", "Q64"), ("ドイツ", "Q183")],
        [("Hamburg", "Q1055"), ("Elbe", "Q1644"), ("Berlin", "Q64")],
    ]
