"""What one version of transformers makes of an exported folder; runs under another version by itself too.

python load_with_transformers.py FOLDER TEXTS.json RESULT.pt
"""

import json
import sys
from pathlib import Path
from typing import Any

import torch
import transformers
from transformers import AutoTokenizer, LukeForMaskedLM


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
        "info": {name: [str(key) for key in keys] for name, keys in info.items()},
        "inputs": [],
        "logits": [],
        "entity_logits": [],
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


if __name__ == "__main__":
    folder, texts, place = sys.argv[1:]
    torch.save(load(folder, json.loads(Path(texts).read_bytes())), place)
