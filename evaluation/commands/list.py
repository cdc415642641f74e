"""`mlukit evaluate list`: the tasks, and the official files that they need."""

from argparse import Namespace

from mlukit.engine.command_parser import CommandParser
from mlukit.evaluation.data.official_files import official_set
from mlukit.evaluation.tasks.table import TASKS, load_task
from mlukit.evaluation.tasks.task import FineTunedTask


def run(flags: Namespace) -> int:
    """Prints the list; returns the exit status."""
    print("\n".join(_describe(name) for name in TASKS))
    return 0


def _describe(name: str) -> str:
    """The lines of a task."""
    task = load_task(name)
    how = "fine-tuned on English" if isinstance(task, FineTunedTask) else "without training"
    lines = [name, f"  measures:  {task.measures}", f"  how:       {how}; variants {', '.join(task.variants)}"]
    lines.append(f"  metric:    {task.metric}")
    for official in map(official_set, task.official):
        lines.append(f"  files:     {official.title}: {', '.join(official.files)}")
        lines.append(f"             {official.published}; licence: {official.licence}")
    return "\n".join([*lines, ""])


def parser() -> CommandParser:
    """The parser of the command's flags."""
    return CommandParser(
        "evaluate list",
        "",
        "Lists the tasks: what they measure, the official files they need, where these are published, their licence.",
        "  mlukit evaluate list\n",
    )
