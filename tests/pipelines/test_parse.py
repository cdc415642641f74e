"""`mlukit parse`: one page from a file or standard input, as JSON."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.small_dumps import complaint, run

ROOT = Path(__file__).resolve().parents[2]
WIKITEXT = "'''Berlin''' is in [[Germany]].\n\n== Name ==\n{{x}}[[Berlin|It]] is old.\n[[Category:Cities]]\n{|\n|x\n"
PARSED = {
    "title": "Berlin",
    "language": "en",
    "text": "Berlin is in Germany.\nName\nIt is old.",
    "paragraphs": [{"start": 0, "end": 21}, {"start": 22, "end": 26}, {"start": 27, "end": 37}],
    "sections": [{"start": 22, "end": 37, "level": 2, "heading": "Name"}],
    "links": [{"anchor": "Germany", "start": 13, "end": 20, "language": "en", "target": "Germany"}],
    "interlanguage": [],
    "categories": ["Cities"],
    "templates": ["x"],
    "left_out": {"same page": 1},
    "unclosed_tables": ["{|\n|x\n"],
}


def test_a_file_is_parsed(tmp_path: Path) -> None:
    file = tmp_path / "page.wikitext"
    file.write_text(WIKITEXT)
    ran = run("parse", file, "--title", "Berlin")
    assert (ran.status, json.loads(ran.out), ran.err) == (0, PARSED, "")


def test_standard_input_in_another_language_without_beam() -> None:
    program = (
        "import sys\nfrom mlukit.command_line import main\nstatus = main(['parse', '-', '--language', 'de'])\n"
        "print(status, *({'apache_beam', 'torch', 'pyarrow'} & sys.modules.keys()), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], input="[[Ort]]e in 東京", cwd=ROOT, capture_output=True, text=True, timeout=100
    )
    page = json.loads(done.stdout)
    assert (page["text"], page["links"][0]["anchor"], page["language"]) == ("Orte in 東京", "Orte", "de")
    assert "東京" in done.stdout
    assert done.stderr == "0\n"


def test_what_is_wrong_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert complaint(run("parse", "nowhere")) == "mlukit parse: [Errno 2] No such file or directory: 'nowhere'"
    Path("latin").write_bytes("aé".encode("latin-1"))
    assert complaint(run("parse", "latin")) == "mlukit parse: latin: byte 1 is not UTF-8; accepted: wikitext in UTF-8"
    Path("page").write_text("a")
    assert "'qq'" in complaint(run("parse", "page", "--language", "qq"))
    assert complaint(run("parse")).startswith("mlukit parse: FILE|- is missing")
