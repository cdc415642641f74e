"""`mlukit evaluate table`: runs as Markdown, CSV or HTML."""

from argparse import ArgumentTypeError, Namespace
from pathlib import Path

from mlukit.engine.command_parser import CommandParser, nearest
from mlukit.evaluation.errors import say
from mlukit.evaluation.results.formats import FORMATS
from mlukit.evaluation.results.table import make_table
from mlukit.pretraining.local_folder import local_folder, new_local_folder

_EXAMPLES = """\
  mlukit evaluate table RUN
  mlukit evaluate table RUN1 RUN2 --format html --output table.html
"""


def run(flags: Namespace) -> int:
    """Writes the table; returns the exit status."""
    text = FORMATS[flags.format](make_table(flags.runs, flags.metric))
    if flags.output is None:
        print(text, end="")
    else:
        _write(flags.output, text)
    return 0


def _write(file: Path, text: str) -> None:
    file.write_text(text, encoding="utf-8")
    say(f"{file} has the table")


def _format(text: str) -> str:
    if text not in FORMATS:
        raise ArgumentTypeError(f"{text!r} is not one of {', '.join(FORMATS)}{nearest(text, tuple(FORMATS))}")
    return text


def parser() -> CommandParser:
    """The parser of the command's flags."""
    description = (
        "Shows runs of one task as a table, tests x variants: mean and standard deviation over seeds, and how much "
        "better entities are than words, by a paired bootstrap."
    )
    made = CommandParser("evaluate table", "RUN… [FLAGS]", description, _EXAMPLES)
    text = "Folders of mlukit evaluate, of one task. Required."
    made.group("input").add_argument("runs", nargs="+", type=local_folder, metavar="RUN", help=text)
    add = made.group("output").add_argument
    add("--format", type=_format, default="markdown", metavar="NAME", help=f"One of {', '.join(FORMATS)}.")
    add("--metric", metavar="NAME", help="Number to show. Default: the task's main metric.")
    add("--output", type=new_local_folder, metavar="FILE", help="File to write. Default: standard output.")
    return made
