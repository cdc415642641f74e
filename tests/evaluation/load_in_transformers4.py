"""Runs load_with_transformers.py under transformers 4, in a process of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.evaluation import load_with_transformers

TRANSFORMERS4 = Path(sys.prefix) / "transformers4"


def load_in_transformers4(folder: Path, questions: list[dict[str, Any]], place: Path) -> dict[str, Any]:
    """What `load_with_transformers.load` gives; files are exchanged in `place`."""
    if not TRANSFORMERS4.is_dir():
        pytest.skip(f"{TRANSFORMERS4} is not there: ./run test installs it")
    (place / "inputs.json").write_text(json.dumps(questions))
    program = Path(load_with_transformers.__file__)
    arguments = [program, folder, place / "inputs.json", place / "result.json"]
    environment = {**os.environ, "PYTHONPATH": str(TRANSFORMERS4), "HF_HUB_OFFLINE": "1", "USE_TF": "0"}
    subprocess.run([sys.executable, *arguments], check=True, env=environment, timeout=250)
    result: dict[str, Any] = json.loads((place / "result.json").read_bytes())
    return result
