"""`mlukit annotate`: files in, annotations out, and what is refused."""

import io
import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.linker.test_gold_documents import write_gold
from tests.linker.written_output import write_output
from tests.small_dumps import complaint, run
from tests.small_wikis import build

TEXTS = "Die Spree fließt durch Berlin.\n\nParis\r\n"


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    file = tmp_path / "texts.txt"
    file.write_text(TEXTS, newline="")
    return file


def found(out: str) -> list[tuple[str, int, list[str]]]:
    lines = map(json.loads, out.splitlines())
    return [(Path(one["file"]).name, one["line"], [name["qid"] for name in one["mentions"]]) for one in lines]


def test_lines_of_files(output: Path, texts: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.txt"
    other.write_text("New York")
    ran = run("annotate", output, "--language", "de", texts, other)
    assert ran.status == 0, ran.err
    assert found(ran.out) == [
        ("texts.txt", 1, ["Q1585", "Q64"]),
        ("texts.txt", 2, []),
        ("texts.txt", 3, ["Q90"]),
        ("other.txt", 1, ["Q7"]),
    ]
    assert json.loads(ran.out.splitlines()[2])["text"] == "Paris"


def test_standard_input_and_candidates(output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(b"Berlin\n")))
    ran = run("annotate", output, "-", "--language", "de", "--candidates", "--threshold", "0.5")
    (name,) = json.loads(ran.out)["mentions"]
    assert [one["qid"] for one in name["candidates"]] == ["Q821244", "Q64"]


def test_bytes_that_are_not_utf8(output: Path, tmp_path: Path) -> None:
    file = tmp_path / "latin1.txt"
    file.write_bytes("Käse aus Berlin\nParis\n".encode("latin-1"))
    ran = run("annotate", output, "--language", "de", file)
    assert found(ran.out) == [("latin1.txt", 1, ["Q821244"]), ("latin1.txt", 2, ["Q90"])]
    assert ran.err.splitlines() == [
        f"mlukit annotate: {file}: 1 line with bytes that are not UTF-8, which were read as U+FFFD"
    ]


@pytest.mark.parametrize(("name", "begins"), [("html", "<!DOCTYPE html>"), ("conll", "-DOCSTART- ")])
def test_other_formats(output: Path, texts: Path, name: str, begins: str) -> None:
    ran = run("annotate", output, "--language", "de", texts, "--format", name)
    assert ran.status == 0 and ran.out.startswith(begins) and "Q1585" in ran.out


def test_gold(output: Path, tmp_path: Path) -> None:
    write_gold(tmp_path / "gold/de")
    ran = run("annotate", output, "--gold", tmp_path / "gold")
    assert ran.status == 0, ran.err
    assert "| de | 1 | 2 | 2 | 1 | 0.500 | 0.500 | 0.500 |" in ran.out.splitlines()


def test_what_is_refused(output: Path, texts: Path, tmp_path: Path) -> None:
    language = ("--language", "de")
    for words, told in (
        ((output, *language), "FILE is missing: name files of text, or - for standard input"),
        ((output, texts), "--language is missing; accepted: de"),
        ((output, texts, "--language", "en"), "has no mention dictionary of the language 'en'; accepted: de"),
        ((output, *language, tmp_path / "none"), "there is no file"),
        ((output, *language, tmp_path), "is a folder: name a file of text, or - for standard input"),
        ((output, *language, "-", "-"), "FILE is - more than once"),
        (
            (output, *language, texts, "--format", "jsnl"),
            "'jsnl' is not one of jsonl, html, conll; did you mean 'jsonl'?",
        ),
        ((output, *language, texts, "--threshold", "1.5"), "'1.5' is not a number from 0 to 1"),
        ((output, *language, texts, "--threshold", "nan"), "'nan' is not a number from 0 to 1"),
        ((output, *language, texts, "--gold", "validation"), "does not go with --gold, which reads its own texts"),
        ((output, "--gold", "validation"), "has no held-out pages of de"),
        ((output, *language, texts, "--candidate"), "unknown flag --candidate; did you mean '--candidates'?"),
        ((tmp_path / "none", *language, texts), "there is no folder"),
        ((tmp_path, *language, texts), "has no mention dictionary: name the output folder of mlukit build"),
        ((output, *language, texts, "--model", tmp_path), "has no config.json: name a folder of mlukit train"),
    ):
        assert told in complaint(run("annotate", *words))


def test_an_output_without_link_probabilities(tmp_path: Path, texts: Path) -> None:
    written = write_output(tmp_path / "OUT")
    (written / "mentions/de/_dictionary.arrays").unlink()
    said = complaint(run("annotate", written, "--language", "de", texts))
    assert said.startswith(f"mlukit annotate: {written} has no link probabilities (")
    assert said.endswith(f": run mlukit mentions {written}")


def test_from_dumps_to_annotations(dumps: Path, tmp_path: Path, texts: Path) -> None:
    output = tmp_path / "OUT"
    assert build(dumps, output, "--link-probability").status == 0
    texts.write_text("Die Spree fließt durch Berlin in Deutschland.\n")
    ran = run("annotate", output, "--language", "de", texts)
    assert ran.status == 0, ran.err
    (line,) = map(json.loads, ran.out.splitlines())
    assert [(name["text"], name["qid"], name["label"]) for name in line["mentions"]] == [
        ("Spree", "Q7", "Spree"),
        ("Berlin", "Q64", "Berlin"),
        ("Deutschland", "Q183", "Deutschland"),
    ]
    manifest = json.loads((output / "related/_manifest.json").read_text())
    assert [shard["path"] for shard in manifest["shards"]] == ["related/_related.arrays"]
    assert "is whole" in run("verify", output).out
