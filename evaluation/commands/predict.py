"""`mlukit evaluate predict`: a fine-tuned run on one's own text."""

import json
import sys
from argparse import Namespace
from pathlib import Path
from typing import Any

from mlukit.engine.command_parser import CommandParser
from mlukit.engine.errors import RefusedError
from mlukit.pretraining.local_folder import local_folder, new_local_folder
from mlukit.pretraining.prediction.model_flags import add_device

_EXAMPLES = """\
  mlukit evaluate predict RUN texts.jsonl --output predictions.jsonl
  echo '{"text": "<e1> Ada </e1> founded <e2> Acme </e2>."}' | mlukit evaluate predict RUN -
"""
_NOTE = (
    'A line of FILE is a JSON object: a "text" in the form of the task, or for qa a "question" and a "context", and '
    'maybe an "id".'
)


def run(flags: Namespace) -> int:
    """Writes a line of predictions for each line; returns the exit status."""
    lines = _read(flags.file)
    from mlukit.evaluation.fine_tuning.trained_run import load_trained_run  # imports torch, which takes seconds

    found = load_trained_run(flags.run, flags.variant, flags.device).predict(lines)
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in found)
    if flags.output is None:
        print(text, end="")
    else:
        flags.output.write_text(text, encoding="utf-8")
    return 0


def _read(name: str) -> list[dict[str, Any]]:
    """The objects of a file of JSON lines; - is standard input."""
    if name != "-" and not Path(name).is_file():
        raise RefusedError(f"there is no file {name}: name a file of JSON lines, or - for standard input")
    text = sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8")
    lines = []
    for number, line in enumerate(text.split("\n"), 1):
        try:
            value = json.loads(line) if line.strip() else None
        except ValueError as error:
            raise RefusedError(f"{name} line {number} is not JSON: {error}") from error
        if value is not None and not isinstance(value, dict):
            raise RefusedError(f"{name} line {number} is {line[:60]!r}; an object is needed")
        if value is not None:
            lines.append(value)
    return lines


def parser() -> CommandParser:
    """The parser of the command's flags."""
    description = "Predicts on one's own text with the model of a fine-tuned RUN that is best on dev."
    made = CommandParser("evaluate predict", "RUN FILE [FLAGS]", description, _EXAMPLES, [_NOTE])
    add = made.group("input").add_argument
    add("run", type=local_folder, metavar="RUN", help="Folder of mlukit evaluate TASK. Required.")
    add("file", metavar="FILE", help="Texts as JSON lines; - reads standard input. Required.")
    add("--variant", metavar="NAME", help="Variant of the model. Default: entities, where RUN has them.")
    add = made.group("output").add_argument
    add("--output", type=new_local_folder, metavar="FILE", help="File to write. Default: standard output.")
    add_device(made)
    return made
