"""Constructed facts: the object is a function of the subject, and no word of one language is in another.

A small model learns the facts in English, by words and by entities. In other languages its names were never trained, so
that words tell nothing; the entities of subjects and objects are the same as in English. This shows what entity prompts
can do at best; it says nothing about real facts.
"""

import json
from pathlib import Path

import numpy as np
import torch
from transformers import LukeForMaskedLM, LukeModel

from mlukit.evaluation.encoder.encoder import load_encoder
from mlukit.evaluation.encoder.prompts import prompts
from tests.evaluation.small_checkpoint import write_mluke

LANGUAGES = ("en", "de", "ja")
SUBJECTS, OBJECTS = 30, 10
RELATIONS = {"likes": 7, "hates": 3}  # the object of subject s is s times this number, modulo OBJECTS
_STEPS = 150


def template(language: str, relation: str) -> str:
    """The subject comes first in one relation, and the object in the other."""
    first, last = ("[X]", "[Y]") if relation == "likes" else ("[Y]", "[X]")
    return f"{first} {language}{relation} {last}"


def words() -> list[str]:
    """Every word of the prompts."""
    found = []
    for language in LANGUAGES:
        found += [f"{language}{relation}" for relation in RELATIONS]
        found += [f"{language}s{number}" for number in range(SUBJECTS)]
        found += [f"{language}o{number}" for number in range(OBJECTS)]
    return found


def entities() -> list[str]:
    """The QIDs of the subjects, then those of the objects."""
    return [f"Q{number + 1}" for number in range(SUBJECTS + OBJECTS)]


def facts() -> list[tuple[str, int, int]]:
    """Relation, subject and object."""
    return [(name, one, one * times % OBJECTS) for name, times in RELATIONS.items() for one in range(SUBJECTS)]


def write_triples(folder: Path) -> Path:
    """Writes the folder of `mlukit evaluate cloze`."""
    folder.mkdir()
    templates = [
        {"language": language, "relation": relation, "template": template(language, relation)}
        for language in LANGUAGES
        for relation in RELATIONS
    ]
    triples = [
        {
            "language": language,
            "relation": relation,
            "subject": f"{language}s{one}",
            "object": f"{language}o{other}",
            "subject_qid": f"Q{one + 1}",
            "object_qid": f"Q{SUBJECTS + other + 1}",
        }
        for language in LANGUAGES
        for relation, one, other in facts()
    ]
    for name, rows in (("templates", templates), ("triples", triples)):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def write_trained_mluke(folder: Path) -> Path:
    """Writes a model that has learned the English facts, with its heads."""
    write_mluke(folder, words(), entities())
    texts = load_encoder(folder).texts
    torch.manual_seed(0)
    plain = LukeModel.from_pretrained(folder, add_pooling_layer=False)
    model = LukeForMaskedLM(plain.config)
    model.luke.load_state_dict(plain.state_dict())
    model.tie_weights()
    model.eval()  # without dropout
    batches = []
    for with_subject in (False, True):
        for relation in RELATIONS:
            rows = [(one, other) for name, one, other in facts() if name == relation]
            filled = prompts(texts.tokenizer, template("en", relation), [f"ens{one}" for one, _ in rows])
            ids = texts.find_entities([f"Q{one + 1}" for one, _ in rows])
            inputs = [
                prompt.input(texts, 1, number if with_subject else None, entity=True)
                for prompt, number in zip(filled, ids, strict=True)
            ]
            objects = texts.find_entities([f"Q{SUBJECTS + other + 1}" for _, other in rows])
            pieces = texts.tokenizer.encode([f"eno{other}" for _, other in rows])
            tokens = torch.tensor([one.token_ids for one in inputs])
            asked = torch.tensor([one.entity_ids for one in inputs])
            places = torch.tensor([[[start] for start, _ in one.spans] for one in inputs])
            labels = torch.full_like(tokens, -100)
            labels[tokens == texts.mask_word] = torch.tensor([one for (one,) in pieces])
            entity_labels = torch.full_like(asked, -100)
            entity_labels[:, 0] = torch.tensor(objects)
            batches.append(
                {
                    "input_ids": tokens,
                    "attention_mask": torch.ones_like(tokens),
                    "entity_ids": asked,
                    "entity_position_ids": places,
                    "entity_attention_mask": torch.ones_like(asked),
                    "labels": labels,
                    "entity_labels": entity_labels,
                }
            )
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    order = np.random.default_rng(0).integers(len(batches), size=_STEPS)
    for number in order:
        optimizer.zero_grad()
        model(**batches[number]).loss.backward()
        optimizer.step()
    model.save_pretrained(folder)
    return folder
