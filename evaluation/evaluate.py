"""`mlukit evaluate`: a table of sub-commands, each of which is imported only when it is called."""

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module

from mlukit.engine.command_parser import CommandParser, nearest
from mlukit.engine.errors import RefusedError
from mlukit.evaluation.tasks.table import TASKS
from mlukit.pretraining.errors import reports_errors

COMMANDS: Mapping[str, str] = {
    "list": "Lists the tasks: what they measure, the official files they need, and the licence of the files.",
    "score": "Scores written predictions again, or anyone's predictions in a set's official form.",
    "table": "Shows runs as a table, tests x variants: mean and spread over seeds, and a paired bootstrap.",
    "predict": "Predicts on one's own text with a fine-tuned run.",
    "export": "Writes a fine-tuned run for transformers.",
}
_EXAMPLES = """\
  mlukit evaluate list
  mlukit evaluate relx --model DIR --data DIR --variant words,entities --seeds 3 --output RUN
  mlukit evaluate table RUN --format markdown
"""


@reports_errors("evaluate")
def main(arguments: Sequence[str]) -> int:
    """Runs the command, and returns its exit status."""
    name, *words = arguments or ["--help"]
    if name.startswith("-"):
        parser().parse_args([name, *words])
    return _command(name)(words)


def _command(name: str) -> Callable[[Sequence[str]], int]:
    """The function that reads the flags of a task or command and does its work."""
    if name in TASKS:
        module = import_module("mlukit.evaluation.commands.run_task")
        return lambda words: module.run(name, task_parser(name).parse_args(words))
    if name not in COMMANDS:
        known = [*TASKS, *COMMANDS]
        hint = nearest(name, known) or f"; accepted: {', '.join(known)}"
        raise RefusedError(f"unknown task or command {name!r}{hint}")
    module = import_module(f"mlukit.evaluation.commands.{name}")
    return lambda words: module.run(module.parser().parse_args(words))


def task_parser(name: str) -> CommandParser:
    """The parser of a task's flags."""
    made: CommandParser = import_module("mlukit.evaluation.commands.task_flags").parser(name)
    return made


def parsers() -> dict[str, CommandParser]:
    """The parser of every task and command, by name."""
    commands = {name: import_module(f"mlukit.evaluation.commands.{name}").parser() for name in COMMANDS}
    return {**{name: task_parser(name) for name in TASKS}, **commands}


def parser() -> CommandParser:
    """The parser of `mlukit evaluate --help`."""
    width = max(map(len, [*TASKS, *COMMANDS]))
    tasks, commands = (
        "\n".join(f"  {name:<{width}}  {text}" for name, text in table.items()) for table in (TASKS, COMMANDS)
    )
    description = (
        "Asks what a checkpoint can do: fine-tunes it on a task in English and tests it in every language, or measures "
        f"its states.\n\ntasks:\n{tasks}\n\ncommands:\n{commands}"
    )
    note = "mlukit evaluate NAME --help shows the flags of a task or command. docs/evaluation.md explains the rest."
    return CommandParser("evaluate", "TASK|COMMAND [FLAGS]", description, _EXAMPLES, [note])
