"""`mlukit evaluate list`: the tasks, and the official files that they need."""

from argparse import Namespace
from textwrap import fill

from mlukit.engine.command_parser import CommandParser
from mlukit.evaluation.data.official_files import official_set
from mlukit.evaluation.tasks.table import TASKS, load_task
from mlukit.evaluation.tasks.task import FineTunedTask

_WIDTH = 110


def run(flags: Namespace) -> int:
    """Prints the list; returns the exit status."""
    print("\n".join(_describe(name) for name in TASKS))
    return 0


def _describe(name: str) -> str:
    """The lines of a task."""
    task = load_task(name)
    how = "fine-tuned on English" if isinstance(task, FineTunedTask) else "without training"
    lines = [
        name,
        _entry("measures:", task.measures),
        _entry("how:", f"{how}; variants {', '.join(task.variants)}"),
        _entry("metric:", task.metric),
    ]
    for official in map(official_set, task.official):
        lines.append(_entry("files:", f"{official.title}: {', '.join(official.files)}"))
        lines.append(_entry("", f"{official.published}; licence: {official.licence}"))
    return "\n".join([*lines, ""])


def _entry(name: str, text: str) -> str:
    """A line, wrapped below its text."""
    first, later = f"  {name:11}", " " * 13
    return fill(
        text, _WIDTH, initial_indent=first, subsequent_indent=later, break_on_hyphens=False, break_long_words=False
    )


def parser() -> CommandParser:
    """The parser of the command's flags."""
    return CommandParser(
        "evaluate list",
        "",
        "Lists the tasks: what they measure, the official files they need, where these are published, their licence.",
        "  mlukit evaluate list\n",
    )
