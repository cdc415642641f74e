"""CoNLL-2003 in small: languages share the words before and after a name, which tell its type; names differ."""

import random
from collections.abc import Sequence
from pathlib import Path

AROUND = {"PER": ("mr", "jr"), "LOC": ("city", "town"), "ORG": ("firm", "inc")}
OTHERS = ("saw", "left", "near", "again", "today")
LANGUAGES = {"eng": "en", "deu": "de"}
NAMES = 30
_LONG = 20  # one sentence in so many has three entities, enough for more than 128 spans


def words() -> list[str]:
    """Every word of the sentences."""
    around = [word for pair in AROUND.values() for word in pair]
    return [*around, *OTHERS, *(f"{language}{number}" for language in LANGUAGES.values() for number in range(NAMES))]


def sentence(chance: random.Random, language: str, *, is_long: bool) -> list[tuple[str, str]]:
    """Words and tags: entities of different types, with other words after each."""
    rows = []
    for kind in chance.sample(list(AROUND), 3 if is_long else 1):
        before, after = AROUND[kind]
        names = [f"{language}{chance.randrange(NAMES)}" for _ in range(2 if is_long else 1)]
        rows += [(before, f"B-{kind}"), *((name, f"I-{kind}") for name in [*names, after])]
        rows += [(word, "O") for word in chance.sample(OTHERS, 4 if is_long else chance.randint(0, 1))]
    return rows


def write_columns(file: Path, language: str, number: int, *, border: bool = True) -> None:
    """Writes sentences in CoNLL's form, four in each document."""
    chance = random.Random(file.name)
    blocks: list[str] = []
    for row in range(number):
        if border and row % 4 == 0:
            blocks.append("-DOCSTART- -X- O\n")
        rows = sentence(chance, language, is_long=row % _LONG == 0)
        blocks.append("".join(f"{word} X {tag}\n" for word, tag in rows))
    file.write_text("\n".join(blocks))


def write_conll(folder: Path, train: int = 800, others: int = 24) -> Path:
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
