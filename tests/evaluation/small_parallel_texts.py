"""Parallel sentences in which names are the same in all languages, and no other word is."""

import json
import random
from pathlib import Path
from typing import Any

LANGUAGES = ("de", "en", "ja")
NAMES = 24
PLACES = 6  # words of a language


def words() -> list[str]:
    """Every word of the sentences."""
    return [f"name{number}" for number in range(NAMES)] + [
        f"{language}{number}" for language in LANGUAGES for number in range(PLACES)
    ]


def lines() -> list[dict[str, Any]]:
    """Sentences of four words, one of which is a name."""
    chance = random.Random(1)
    return [_line(chance, language, number) for language in LANGUAGES for number in range(NAMES)]


def _line(chance: random.Random, language: str, number: int) -> dict[str, Any]:
    name = f"name{number}"
    before, after = ([f"{language}{chance.randrange(PLACES)}" for _ in range(size)] for size in (2, 1))
    start = len(" ".join(before)) + 1
    text = " ".join([*before, name, *after])
    return {"id": str(number), "language": language, "text": text, "spans": {"name": [start, start + len(name)]}}


def write_parallel_texts(folder: Path) -> Path:
    """Writes a file of JSON lines into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "texts.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines()))
    return folder
