"""Constructed questions: which one of four names is a river? Only the entity of a name tells it.

In each article, names are given to things anew, so a name tells nothing. No word of one language is in another. The
entities have the same rows in every language.
"""

import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from tests.evaluation.small_checkpoint import write_mluke

LANGUAGES = ("en", "de", "zh")
NAMES = 40  # of a language
RIVERS = [f"River {number}" for number in range(2)]
OTHERS = [f"Town {number}" for number in range(6)]
OPTIONS = 4  # names in a context, one of them of a river


def write_questions(folder: Path, *, train: int, test: int) -> Path:
    """Writes SQuAD's files, a file of XQuAD for each language, and candidate files in LUKE's form."""
    folder.mkdir()
    squad, candidates = _articles("en", train, "train"), {}
    for file, articles in (("train-v1.1", squad), ("dev-v1.1", _articles("en", 60, "dev"))):
        _write(folder / f"{file}.json", {"version": "1.1", "data": [one for one, _ in articles]})
        candidates |= {one["title"]: names for one, names in articles}
    _write(folder / "train-dev-v1.1.json", candidates)
    for language in LANGUAGES:
        articles = _articles(language, test, "xquad")
        _write(folder / f"xquad.{language}.json", {"version": "1.1", "data": [one for one, _ in articles]})
        _write(folder / f"dev-v1.1.{language}.json", {one["title"]: names for one, names in articles})
    return folder


def write_checkpoint(folder: Path) -> Path:
    """Writes a small model with random weights whose entities have a title in each language.

    A pretrained model has learned which words an entity is about. So that this one need not learn it from questions,
    words and entities have the same table of positions, and the first layer adds up states with equal positions.
    """
    titles = [*RIVERS, *OTHERS]
    words = [f"{language}{one}" for language in LANGUAGES for one in (*range(NAMES), "and", "which")]
    write_mluke(folder, words, titles)
    rows = json.loads((folder / "entity_vocab.json").read_bytes())
    names = {f"{language}:{title}": rows[title] for language in LANGUAGES for title in titles}
    special = {name: row for name, row in rows.items() if name not in titles}
    (folder / "entity_vocab.json").write_text(json.dumps(special | names))
    weights = load_file(folder / "model.safetensors")
    of_words, of_entities = "embeddings.position_embeddings.weight", "entity_embeddings.position_embeddings.weight"
    weights[of_words] = torch.randn(weights[of_words].shape, generator=torch.Generator().manual_seed(1))
    weights[of_entities] = weights[of_words].clone()
    for name in weights:
        if name.startswith("encoder.layer.0.attention.") and weights[name].dim() == 2:
            weights[name] = torch.eye(len(weights[name]))
    weights["entity_embeddings.entity_embedding_dense.weight"] *= 20
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    return folder


def _articles(language: str, number: int, purpose: str) -> Sequence[tuple[dict[str, Any], dict[str, str]]]:
    """Articles of one question, each with the things that its names mean."""
    chance = random.Random(f"{language} {purpose}")
    found = []
    for row in range(number):
        things = [chance.choice(RIVERS), *chance.sample(OTHERS, OPTIONS - 1)]
        names = [f"{language}{name}" for name in chance.sample(range(10, NAMES), OPTIONS)]
        context = f" {language}and ".join(chance.sample(names, OPTIONS))
        answer = {"text": names[0], "answer_start": context.index(names[0])}
        question = {"id": f"{purpose}{row}", "question": f"{language}which", "answers": [answer]}
        article = {"title": f"{purpose} {row}", "paragraphs": [{"context": context, "qas": [question]}]}
        found.append((article, dict(zip(names, things, strict=True))))
    return found


def _write(file: Path, content: Any) -> None:
    file.write_text(json.dumps(content), encoding="utf-8")
