"""The flags of a task: those of all tasks, those of fine-tuning, and the task's own."""

import argparse
from collections.abc import Callable
from shlex import quote
from typing import Any

from mlukit.engine.command_parser import CommandParser, at_least, nearest
from mlukit.evaluation.tasks.table import load_task
from mlukit.evaluation.tasks.task import ENTITIES, WORDS, FineTunedTask, Task
from mlukit.pretraining.local_folder import local_folder, new_local_folder
from mlukit.pretraining.prediction.model_flags import add_device, add_examples

_NOTE = (
    "The same command continues a RUN exactly where it stopped, and does nothing if RUN is finished. "
    "docs/evaluation.md explains every part of a RUN."
)


def parser(name: str) -> CommandParser:
    """The parser of a task's flags."""
    task = load_task(name)
    variants = f" --variant {quote(','.join(task.variants))}" if len(task.variants) > 1 else ""
    examples = f"  mlukit evaluate {name} --model DIR --data DIR{variants} --output RUN\n"
    usage = "--model DIR --data DIR --output RUN [FLAGS]"
    made = CommandParser(f"evaluate {name}", usage, task.measures, examples, [_NOTE])
    _add_input(made, task)
    add = made.group("output").add_argument
    text = "Folder to write, or to continue. Required."
    add("--output", type=new_local_folder, required=True, metavar="RUN", help=text)
    if isinstance(task, FineTunedTask):
        _add_fine_tuning(made, task)
    for flag in task.flags:
        made.group("of this task").add_argument(
            f"--{flag.name}",
            type=_whole_path if flag.is_path else str,
            default=flag.default,
            metavar=flag.metavar,
            help=flag.help,
        )
    add_device(made)
    return made


def _add_input(made: CommandParser, task: Task) -> None:
    add = made.group("input").add_argument
    text = (
        "Folder of the checkpoint: of mlukit train, import or export, or of XLM-R, mLUKE or a fine-tuned LUKE as "
        "transformers has it. Required."
    )
    add("--model", type=local_folder, required=True, metavar="DIR", help=text)
    text = task.own_data or f"Folder of the official files ({', '.join(task.official)})."
    add("--data", type=local_folder, required=True, metavar="DIR", help=f"{text} Required.")
    add_examples(made)
    text = f"What to compare, comma-separated: {', '.join(task.variants)}."
    if {WORDS, ENTITIES} <= set(task.variants):
        text += " words: without entities in the input; entities: with them."
    add("--variant", type=_list_of(_one_of(task.variants)), default=task.variants, metavar="NAMES", help=text)
    text = "Tests, comma-separated, such as en,de. Default: all."
    add("--tests", type=_list_of(str), default=(), metavar="NAMES", help=text)
    text = "At most so many examples of dev and of each test: a sample, the same in every run. Default: all."
    add("--test-limit", type=at_least(1), metavar="N", help=text)


def _add_fine_tuning(made: CommandParser, task: FineTunedTask) -> None:
    values, add = task.hyper_parameters, made.group("fine-tuning").add_argument
    add("--seeds", type=at_least(1), default=1, metavar="N", help="Number of models, with the seeds 0, 1, ….")
    text = "Learning rate, or several, comma-separated: the best one on English dev, over all seeds, is reported."
    rates = values.learning_rates
    add("--learning-rate", type=_list_of(_positive), default=rates, metavar="NUMBERS", help=text)
    add("--epochs", type=at_least(1), default=values.epochs, metavar="N", help="Epochs at most.")
    add("--batch-size", type=at_least(1), default=values.batch_size, metavar="N", help="Examples of a step.")
    text = "At most so many training examples: a sample, the same in every run. Default: all."
    add("--limit", type=at_least(1), metavar="N", help=text)
    add = made.group("running").add_argument
    text = (
        "Tokens and entities, padding included, that go through the model at once; changes only speed and memory. "
        "Default: 8192 on a GPU, 2048 on the CPU."
    )
    add("--micro-batch-places", type=at_least(1), metavar="N", help=text)
    text = "float32 or bfloat16. Default: bfloat16 on a GPU, float32 on the CPU."
    add("--precision", type=_one_of(("float32", "bfloat16")), metavar="NAME", help=text)
    text = "Steps between two checkpoints, from which a stopped RUN continues; each epoch ends with one."
    add("--checkpoint-interval", type=at_least(1), default=1_000, metavar="N", help=text)


def _list_of(parse: Callable[[str], Any]) -> Callable[[str], tuple[Any, ...]]:
    """A parser of values with commas between them, each once."""

    def parse_all(text: str) -> tuple[Any, ...]:
        return tuple(dict.fromkeys(parse(part.strip()) for part in text.split(",")))

    return parse_all


def _one_of(names: tuple[str, ...]) -> Callable[[str], str]:
    """A parser of one of some names."""

    def parse(text: str) -> str:
        if text not in names:
            raise argparse.ArgumentTypeError(f"{text!r} is not one of {', '.join(names)}{nearest(text, names)}")
        return text

    return parse


def _whole_path(text: str) -> str:
    return str(local_folder(text).resolve()) if text else ""  # argparse reads the default too


def _positive(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a learning rate, such as 2e-5")
    return value
