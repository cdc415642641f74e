"""KBP37 and RELX in small: the verb, which all languages share, tells the relation, and the order its direction."""

import random
from pathlib import Path

LANGUAGES = ("en", "de", "es", "fr", "tr")
VERBS = {"founded": "org:founded_by", "leads": "org:top_members", "near": "no_relation"}
LABELS = sorted(
    [f"{relation}({order})" for relation in ("org:founded_by", "org:top_members") for order in ("e1,e2", "e2,e1")]
)
THINGS = 30


def words() -> list[str]:
    """Every word of the sentences."""
    things = [f"{language}{number}" for language in LANGUAGES for number in range(THINGS)]
    return [*things, *VERBS, "not"]


def sentence(chance: random.Random, language: str) -> tuple[str, str]:
    """A marked sentence and its label."""
    verb = chance.choice(list(VERBS))
    one, other = (f"{language}{chance.randrange(THINGS)}" for _ in range(2))
    relation = VERBS[verb]
    if relation == "no_relation":
        return f"<e1> {one} </e1> {verb} <e2> {other} </e2> .", relation
    if chance.random() < 0.5:
        return f"<e1> {one} </e1> {verb} <e2> {other} </e2> .", f"{relation}(e1,e2)"
    return f"<e1> {one} </e1> not {verb} <e2> {other} </e2> .", f"{relation}(e2,e1)"


def write_relations(folder: Path, train: int = 192, others: int = 24) -> Path:
    """Writes all official files."""
    folder.mkdir(parents=True, exist_ok=True)
    files = {"train": ("en", train), "dev": ("en", others), "test": ("en", others)}
    for name, (language, number) in files.items():
        write_blocks(folder / f"{name}.txt", language, number, name)
    for language in LANGUAGES:
        write_blocks(folder / f"RELX_{language}.txt", language, others, "relx")
    return folder


def write_blocks(file: Path, language: str, number: int, seed: str) -> None:
    """Writes sentences of a language in KBP37's form."""
    chance = random.Random(f"{seed} {language}")
    blocks = []
    for row in range(number):
        text, label = sentence(chance, language)
        blocks.append(f'{row}\t"{text}"\n{label}\n\n\n')
    file.write_text("".join(blocks))
