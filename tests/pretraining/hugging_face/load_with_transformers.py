"""What one version of transformers makes of an exported folder; runs under another version by itself too.

python load_with_transformers.py TEXTS.json RESULT.pt FOLDER ...
"""

import json
import sys
from pathlib import Path
from typing import Any

import torch
import transformers
from torch import Tensor
from transformers import (
    AutoTokenizer,
    LukeForEntityClassification,
    LukeForEntityPairClassification,
    LukeForEntitySpanClassification,
    LukeForMaskedLM,
    LukeForQuestionAnswering,
)

TASKS = {
    "entity_classification": LukeForEntityClassification,
    "entity_pair_classification": LukeForEntityPairClassification,
    "entity_span_classification": LukeForEntitySpanClassification,
    "question_answering": LukeForQuestionAnswering,  # the tokenizer has no task of this name
}
ENTITIES = {"entity_classification": 1, "question_answering": 0}  # elsewhere: two
TEXT, SPANS = "Berlin is the capital of Germany.", [(0, 6), (25, 32)]


def load(folder: str, texts: list[dict[str, Any]]) -> dict[str, Any]:
    """Loads a folder and asks it.

    Args:
        texts: each with `text` and, where entities are asked for, `entity_spans` and `entities`.
    """
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model, info = LukeForMaskedLM.from_pretrained(folder, output_loading_info=True)
    model.double().eval()
    result: dict[str, Any] = {
        "version": transformers.__version__,
        "tokenizer": type(tokenizer).__name__,
        "info": named(info),
        "inputs": [],
        "logits": [],
        "entity_logits": [],
        "task_words": tokenizer.convert_tokens_to_ids(["<ent>", "<ent2>"]),
        "attention_dropout": model.config.attention_probs_dropout_prob,
        "tasks": {task: do_task(folder, task) for task in TASKS},
    }
    for text in texts:
        arguments = {
            name: [tuple(v) if isinstance(v, list) else v for v in text[name]] for name in text if name != "text"
        }
        inputs = dict(tokenizer(text["text"], **arguments))
        result["inputs"].append(inputs)
        with torch.no_grad():
            output = model(**{name: torch.tensor([value]) for name, value in inputs.items()})
        result["logits"].append(output.logits[0])
        result["entity_logits"].append(None if output.entity_logits is None else output.entity_logits[0])
    return result


def do_task(folder: str, task: str) -> dict[str, Any]:
    """Loads the folder for a task, and takes one step of fine-tuning.

    Returns:
        Names of the parameters that the folder lacks, the inputs, whether the queries from words to entities have a
        gradient, and how far the encoder is from its answer with `@` and `#` for <ent> and <ent2>, and [MASK] for
        [MASK2].
    """
    spans = SPANS[: ENTITIES.get(task, 2)]
    tokenizer = AutoTokenizer.from_pretrained(folder, **({"task": task} if spans else {}))
    arguments = {"entity_spans": spans} if spans else {"text_pair": "What is the capital?"}
    inputs = dict(tokenizer(TEXT, **arguments, return_tensors="pt"))
    if task == "entity_span_classification":  # the model takes no batch of one without it
        assert inputs["entity_start_positions"].shape == (1, 2)
    model, info = TASKS[task].from_pretrained(folder, num_labels=2, output_loading_info=True)
    logits = model(**inputs)[0]
    logits.square().sum().backward()
    queries = model.luke.encoder.layer[0].attention.self.w2e_query.weight.grad
    return {
        "missing": sorted(map(str, info["missing_keys"])),
        "inputs": inputs,
        "logits": logits.detach(),
        "queries_learn": queries is not None and bool(queries.any()),
        "difference": difference_to_copied(model, tokenizer, inputs),
    }


@torch.no_grad()
def difference_to_copied(model: Any, tokenizer: Any, inputs: dict[str, Tensor]) -> float:
    """The largest difference of hidden states to the inputs with the copied rows' ids."""
    encoder = model.luke.double().eval()
    names = [name for name in inputs if name not in ("entity_start_positions", "entity_end_positions")]
    given = {name: inputs[name] for name in names}
    copied = {name: value.clone() for name, value in given.items()}
    pieces = zip(("<ent>", "<ent2>"), ("@", "#"), strict=True)
    for word, piece in pieces:
        ids = copied["input_ids"]
        ids[ids == tokenizer.convert_tokens_to_ids(word)] = tokenizer.convert_tokens_to_ids(piece)
    if "entity_ids" in copied:
        copied["entity_ids"][copied["entity_ids"] == 3] = 2
    states = [encoder(**arguments).last_hidden_state for arguments in (given, copied)]
    return float((states[0] - states[1]).abs().max())


def named(info: dict[str, Any]) -> dict[str, list[str]]:
    """What loading told, as strings."""
    return {name: [str(key) for key in keys] for name, keys in info.items()}


if __name__ == "__main__":
    texts, place, *folders = sys.argv[1:]
    asked = json.loads(Path(texts).read_bytes())
    torch.save({folder: load(folder, asked) for folder in folders}, place)
