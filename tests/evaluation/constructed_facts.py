"""Constructed facts: the object is a function of the subject, and languages share no names.

A small model learns the same facts in three ways:

- In English, the words of the subject tell the object, as a word and as an entity.
- In German, the words of the subject tell the object as an entity; the words of objects were never trained.
- With the entity of the subject, whose name is a word of noise, the entity alone tells the object. In Japanese, no name
  was ever trained, so that this is all that the model can know.

This shows what each kind of prompt can do at best; it says nothing about real facts.
"""

import json
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from transformers import LukeForMaskedLM, LukeModel

from mlukit.evaluation.encoder.encoder import load_encoder
from mlukit.evaluation.encoder.prompts import prompts
from mlukit.evaluation.encoder.text_encoder import TextEncoder
from tests.evaluation.small_checkpoint import write_mluke

LANGUAGES = ("en", "de", "ja")
SUBJECTS, OBJECTS, NOISE = 30, 10, 40
RELATIONS = {"likes": 7, "hates": 3}  # the object of subject s is s times this number, modulo OBJECTS
_STEPS = 400
_OBJECT = SUBJECTS + 1  # the QID of the first object


def template(relation: str) -> str:
    """The subject comes first in one relation, and the object in the other."""
    return "[X] likes [Y]" if relation == "likes" else "[Y] hates [X]"


def words() -> list[str]:
    """Every word of the prompts."""
    names = [
        f"{language}{kind}{number}"
        for language in LANGUAGES
        for kind, size in (("s", SUBJECTS), ("o", OBJECTS))
        for number in range(size)
    ]
    return [*RELATIONS, *names, *(f"noise{number}" for number in range(NOISE))]


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
        {"language": language, "relation": relation, "template": template(relation)}
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
            "object_qid": f"Q{_OBJECT + other}",
        }
        for language in LANGUAGES
        for relation, one, other in facts()
    ]
    for name, rows in (("templates", templates), ("triples", triples)):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def write_trained_mluke(folder: Path) -> Path:
    """Writes a model that has learned the facts, with its heads."""
    write_mluke(folder, words(), entities())
    texts, chance = load_encoder(folder).texts, np.random.default_rng(0)
    model = _with_heads(folder)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for step in range(_STEPS):
        optimizer.zero_grad()
        model(**_batch(texts, list(RELATIONS)[step % 2], ("en", "de", "noise")[step % 3], chance)).loss.backward()
        optimizer.step()
    return _save(model, folder)


def write_with_heads(folder: Path) -> Path:
    """Gives heads with random weights to the model of a folder."""
    return _save(_with_heads(folder), folder)


def _with_heads(folder: Path) -> LukeForMaskedLM:
    plain = LukeModel.from_pretrained(folder, add_pooling_layer=False)
    torch.manual_seed(0)
    model = LukeForMaskedLM(plain.config)
    model.luke.load_state_dict(plain.state_dict(), strict=False)  # no pooler
    model.lm_head.decoder.weight = model.luke.embeddings.word_embeddings.weight
    model.entity_predictions.decoder.weight = model.luke.entity_embeddings.entity_embeddings.weight
    return model.eval()  # without dropout


def _save(model: LukeForMaskedLM, folder: Path) -> Path:
    model.config.architectures = ["LukeForMaskedLM"]
    model.config.save_pretrained(folder)
    save_file({name: tensor.clone() for name, tensor in model.state_dict().items()}, folder / "model.safetensors")
    return folder


def _batch(texts: TextEncoder, relation: str, kind: str, chance: np.random.Generator) -> dict[str, torch.Tensor]:
    """All facts of a relation, as transformers takes them: see the docstring of this module."""
    of_relation = [(one, other) for name, one, other in facts() if name == relation]
    noise = kind == "noise"
    names = [f"noise{chance.integers(NOISE)}" if noise else f"{kind}s{one}" for one, _ in of_relation]
    ids = texts.find_entities([f"Q{one + 1}" for one, _ in of_relation])
    inputs = [
        prompt.input(texts, 1, number if noise else None, entity=True)
        for prompt, number in zip(prompts(texts.tokenizer, template(relation), names), ids, strict=True)
    ]
    tokens = torch.tensor([one.token_ids for one in inputs])
    asked = torch.tensor([one.entity_ids for one in inputs])
    labels, entity_labels = torch.full_like(tokens, -100), torch.full_like(asked, -100)
    if kind == "en":
        labels[tokens == texts.mask_word] = torch.tensor(
            [piece for (piece,) in texts.tokenizer.encode([f"eno{other}" for _, other in of_relation])]
        )
    else:
        labels[:, 0] = texts.bos  # a loss of no interest: transformers divides by the number of labels
    entity_labels[:, 0] = torch.tensor(texts.find_entities([f"Q{_OBJECT + other}" for _, other in of_relation]))
    return {
        "input_ids": tokens,
        "attention_mask": torch.ones_like(tokens),
        "entity_ids": asked,
        "entity_position_ids": torch.tensor([[[start] for start, _ in one.spans] for one in inputs]),
        "entity_attention_mask": torch.ones_like(asked),
        "labels": labels,
        "entity_labels": entity_labels,
    }
