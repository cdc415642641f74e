"""CoNLL-2003 in small: the title before a name tells its type, titles are shared, and names differ by language."""

import random
from collections.abc import Sequence
from pathlib import Path

TITLES = {"mr": "PER", "city": "LOC", "firm": "ORG"}
OTHERS = ("saw", "left", "near", "again", "today")
LANGUAGES = {"eng": "en", "deu": "de"}
NAMES = 30
_LONG = 5  # one sentence in so many is long enough for more than 128 spans


def words() -> list[str]:
    """Every word of the sentences."""
    return [*TITLES, *OTHERS, *(f"{language}{number}" for language in LANGUAGES.values() for number in range(NAMES))]


def sentence(chance: random.Random, language: str, parts: int) -> list[tuple[str, str]]:
    """Words and tags: a title and one or two names, then other words, and so on."""
    rows = []
    for _ in range(parts):
        title, kind = chance.choice(list(TITLES.items()))
        rows.append((title, f"B-{kind}"))
        rows += [(f"{language}{chance.randrange(NAMES)}", f"I-{kind}") for _ in range(chance.randint(1, 2))]
        rows += [(word, "O") for word in chance.sample(OTHERS, chance.randint(1, 2))]
    return rows


def write_columns(file: Path, language: str, number: int, *, border: bool = True) -> None:
    """Writes sentences in CoNLL's form, four in each document."""
    chance = random.Random(file.name)
    blocks: list[str] = []
    for row in range(number):
        if border and row % 4 == 0:
            blocks.append("-DOCSTART- -X- O\n")
        parts = 5 if row % _LONG == 0 else 2
        blocks.append("".join(f"{word} X {tag}\n" for word, tag in sentence(chance, language, parts)))
    file.write_text("\n".join(blocks))


def write_conll(folder: Path, train: int = 160, others: int = 24) -> Path:
    """Writes CoNLL-2003's English files and its German test."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, number in (("eng.train", train), ("eng.testa", others), ("eng.testb", others), ("deu.testb", others)):
        write_columns(folder / name, LANGUAGES[name[:3]], number)
    return folder


def with_predictions(lines: Sequence[str], tags: Sequence[str]) -> str:
    """CoNLL's form of predictions: the lines of a test file, with one more column.

    Args:
        lines: of the file.
        tags: of its words, in their order.
    """
    left = iter(tags)
    return "".join(f"{line} {next(left)}\n" if line and "-DOCSTART-" not in line else f"{line}\n" for line in lines)
