"""The transforms on real worker processes: all that they are made of is pickled and comes through."""

import json
import subprocess
import sys
from pathlib import Path

from tests.documents import ROOT
from tests.transforms.elements.collected import Ran


def test_rows_and_counters_are_the_same(dumps: Path, built: Path, ran: Ran, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.transforms.elements.in_processes"]
    done = subprocess.run(
        [*command, str(dumps), str(built), str(tmp_path)], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    made = json.loads((tmp_path / "made.json").read_text())
    assert made["workers"] and made["launcher"] not in made["workers"]
    assert made["rows"] == {name: ran.rows(name) for name in ran.elements}
    assert made["counters"] == ran.counters
