"""`mlukit report`: writes a page about an output folder, and the same numbers as JSON."""

from collections.abc import Sequence
from pathlib import Path

from mlukit.engine.command_parser import CommandParser, at_least
from mlukit.engine.logs import say
from mlukit.engine.storage import Storage, is_local
from mlukit.pipelines.command import exit_status
from mlukit.pipelines.settings import SettingsError, add_output, output_and_words
from mlukit.report.gather import Request, gather
from mlukit.report.page import render
from mlukit.schemas import layout

_EXAMPLES = """  mlukit report OUT                  writes OUT/report/index.html; open it in a browser
  mlukit report OUT --seed 7         shows other articles and examples
  mlukit report OUT --complete       reads all articles and examples, which takes longer"""


def main(arguments: Sequence[str]) -> int:
    """Runs the command, and returns the exit status."""
    return exit_status("report", lambda: _run(arguments), after_stop="")


def _run(arguments: Sequence[str]) -> int:
    asked = parser().parse_args(list(arguments))
    output, _ = output_and_words(asked, 0)
    storage = Storage(str(Path(output).resolve()) if is_local(output) else output)
    write_report(storage, Request(asked.seed, asked.samples, asked.complete))
    print(f"The report is in {storage.path(layout.REPORT_PAGE)}; open it in a browser.")
    return 0


def parser() -> CommandParser:
    """The parser of the command's flags."""
    description = (
        "Writes a page about an output folder, OUT/report/index.html, and the same numbers as OUT/report/report.json. "
        "Reads manifests, and a sample of the articles and examples."
    )
    made = CommandParser("report", "OUT [FLAGS]", description, _EXAMPLES)
    add_output(made, "Output folder of mlukit build.")
    chosen = made.group("what is read and shown")
    text = "Maximum number of articles, and of examples, to show of each language."
    chosen.add_argument("--samples", type=at_least(0), default=3, metavar="N", help=text)
    text = "Decides which articles and examples are read and shown."
    chosen.add_argument("--seed", type=at_least(0), default=0, metavar="N", help=text)
    text = "Read all articles, examples and entities, and not a sample."
    chosen.add_argument("--complete", action="store_true", help=text)
    return made


def write_report(storage: Storage, asked: Request) -> None:
    """Writes OUT/report/report.json and OUT/report/index.html.

    Args:
        storage: the output folder.
        asked: what the user asks for.

    Raises:
        SettingsError: mlukit did not write the folder.
        RunError: a file of the folder is damaged.
    """
    if not storage.exists(layout.RUN_RECORD):
        raise SettingsError(f"{storage.root} has no {layout.RUN_RECORD}: name an output folder that mlukit wrote")
    say(f"reading {storage.root}")
    value, texts = gather(storage, asked)
    page = render(value, texts, storage.root.rstrip("/").rpartition("/")[2])
    storage.write_json(layout.REPORT_NUMBERS, value)
    with storage.write(layout.REPORT_PAGE) as stream:
        stream.write(page)
