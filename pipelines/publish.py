"""`mlukit publish`: uploads an output folder or an exported model to the Hugging Face Hub."""

import logging
from argparse import Namespace
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from mlukit.engine.command_parser import CommandParser, at_least
from mlukit.engine.errors import RunError
from mlukit.engine.extras import check_extra
from mlukit.engine.launch.pipeline_process import PipelineProcess
from mlukit.engine.launch.workers import complete_flags
from mlukit.engine.logs import is_shown, say
from mlukit.engine.storage import Storage, is_local
from mlukit.pipelines.command import exit_status
from mlukit.pipelines.publication.contents import Contents, contents_of
from mlukit.pipelines.reports.dataset_card import write_card
from mlukit.pipelines.settings import RUNNING, WORKERS_HELP, SettingsError, add_output, output_and_words
from mlukit.pipelines.verify import verify
from mlukit.schemas.layout import CARD
from mlukit.schemas.wording import byte_count, counted

_EXAMPLES = """  mlukit publish OUT --repo OWNER/NAME --dry-run        which files the command would upload
  mlukit publish OUT --repo OWNER/NAME --private
  mlukit publish MODEL --repo OWNER/NAME                a model of mlukit export"""
_NOTE = (
    "The token is taken from HF_TOKEN or from hf auth login, never from a flag. HF_ENDPOINT names another server. "
    "After an interruption, run the same command again: it continues."
)


def main(arguments: Sequence[str]) -> int:
    """Runs the command, and returns the exit status."""
    return exit_status("publish", lambda: _run(arguments), after_stop="Run the same command again to continue.")


def parser() -> CommandParser:
    """The parser of the command's flags."""
    description = (
        "Verifies OUT, and uploads its dataset card, articles, vocabulary, mentions, examples, failures, records and "
        "tokenizer to a dataset repository of the Hugging Face Hub; or uploads an exported model to a model repository."
    )
    made = CommandParser("publish", "OUT --repo NAME [FLAGS]", description, _EXAMPLES, [_NOTE])
    add_output(made, "Output folder of mlukit build, or folder of mlukit export.")
    hub = made.group("repository").add_argument
    hub("--repo", required=True, metavar="NAME", help="Name of the repository, NAME or OWNER/NAME. Required.")
    hub("--private", action="store_true", help="Make a new repository private.")
    hub("--dry-run", action="store_true", help="Show the files and their sizes; verify and upload nothing.")
    made.group(RUNNING).add_argument("--workers", type=at_least(1), default=0, metavar="N", help=WORKERS_HELP)
    return made


def _run(arguments: Sequence[str]) -> int:
    asked = parser().parse_args(arguments)
    output, _ = output_and_words(asked, 0)
    if not is_local(output):
        raise SettingsError(f"{output} is not a folder of this machine: copy it to this machine first")
    contents = contents_of(Path(output))
    if asked.dry_run:
        print("\n".join([*(f"{size:>15,}  {name}" for name, size in contents.files.items()), _total(contents, asked)]))
        return 0
    check_extra("mlukit publish", "publish")
    from mlukit.pipelines.publication.upload import check_upload, upload  # huggingface_hub is an extra

    check_upload(asked.repo)
    if contents.repo_type == "dataset":
        _check_whole(output, asked.workers)
        contents = contents_of(Path(output))
    say(_total(contents, asked))
    address = upload(Path(output), contents, asked.repo, asked.private)
    if is_shown(logging.INFO):
        print(f"{output} is at {address}")
    return 0


def _total(contents: Contents, asked: Namespace) -> str:
    size = byte_count(sum(contents.files.values()))
    return f"{counted(len(contents.files), 'file')}, {size}, for the {contents.repo_type} {asked.repo}"


def _check_whole(output: str, workers: int) -> None:
    """Verifies an output folder, and writes its card if it has none.

    Raises:
        RunError: the folder has problems.
    """
    storage = Storage(output)
    with closing(PipelineProcess()) as process:
        problems, _ = verify(storage, [], complete_flags([], workers), process)
    if problems:
        raise RunError(f"{output} is not whole: {problems[0]}. See mlukit verify {output}; nothing was uploaded")
    if not storage.exists(CARD):
        write_card(storage)
