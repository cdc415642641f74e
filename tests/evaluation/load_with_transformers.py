"""The logits that one version of transformers gives for a fine-tuned folder; runs under another version by itself too.

python load_with_transformers.py FOLDER INPUTS.json RESULT.json
"""

import json
import sys
from pathlib import Path
from typing import Any

import torch
import transformers
from transformers import AutoTokenizer


def load(folder: str, inputs: list[dict[str, Any]]) -> dict[str, Any]:
    """Loads the class that config.json names, and asks it.

    Args:
        folder: of the model.
        inputs: token_ids, entity_ids and spans, or text and spans, for the tokenizer.
    """
    config = json.loads((Path(folder) / "config.json").read_bytes())
    model, info = getattr(transformers, config["architectures"][0]).from_pretrained(folder, output_loading_info=True)
    model.eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    logits, tokens = [], []
    for one in inputs:
        if "text" in one:
            found = tokenizer(one["text"], entity_spans=[tuple(span) for span in one["spans"]], return_tensors="pt")
        else:
            found = {"input_ids": torch.tensor([one["token_ids"]])}
            if places := [list(range(*span)) for span in one["spans"]]:
                longest = max(map(len, places))
                padded = [place + [-1] * (longest - len(place)) for place in places]
                found["entity_ids"] = torch.tensor([one["entity_ids"]])
                found["entity_position_ids"] = torch.tensor([padded])
            if config["architectures"] == ["LukeForEntitySpanClassification"]:
                found["entity_start_positions"] = torch.tensor([[start for start, _ in one["spans"]]])
                found["entity_end_positions"] = torch.tensor([[end - 1 for _, end in one["spans"]]])
        tokens.append(found["input_ids"][0].tolist())
        with torch.no_grad():
            output = model(**found)
        if config["architectures"] == ["LukeForQuestionAnswering"]:
            output.logits = torch.stack([output.start_logits, output.end_logits], dim=-1)
        logits.append(output.logits[0].double().tolist())
    missing = sorted(info["missing_keys"])
    return {"version": transformers.__version__, "missing": missing, "logits": logits, "tokens": tokens}


if __name__ == "__main__":
    place, texts, result = sys.argv[1:]
    Path(result).write_text(json.dumps(load(place, json.loads(Path(texts).read_text()))))
