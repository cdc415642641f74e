"""The command line of mlukit: a table of commands, each imported only when called."""

import importlib
import io
import os
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version

from mlukit.engine.command_parser import EXAMPLES, nearest
from mlukit.engine.extras import EXTRAS, how_to_install, missing_packages
from mlukit.engine.launch.stop_signals import catch_stop_signals
from mlukit.engine.logs import complain, set_up_logs
from mlukit.engine.shell_completion import SHELLS, completion

COMMANDS = {
    "download": ("mlukit.pipelines.download", "Gets the dumps of a day, from Wikimedia or a mirror."),
    "build": ("mlukit.pipelines.build", "Makes articles, vocabulary and training examples from dumps: all stages."),
    "link": ("mlukit.pipelines.link", "Makes articles from dumps: text, and links with their Wikidata items."),
    "vocabulary": (
        "mlukit.pipelines.vocabulary",
        "Makes one entity vocabulary from articles, and a mention dictionary for each language.",
    ),
    "examples": ("mlukit.pipelines.examples", "Makes training examples from articles and the vocabulary."),
    "audit": ("mlukit.pipelines.audit", "Tells how much markup is left in articles, and which links are wrong."),
    "inspect": ("mlukit.pipelines.inspect", "Shows what was written, a record at a time."),
    "verify": ("mlukit.pipelines.verify", "Reads again what was written, and tells what is changed or missing."),
    "train": ("mlukit.pretraining.train", "Trains a model on training examples, on GPUs or a laptop."),
    "import": (
        "mlukit.pretraining.hugging_face.import_checkpoint",
        "Makes weights to train from, out of XLM-R or mLUKE of transformers.",
    ),
    "export": ("mlukit.pretraining.hugging_face.export", "Writes a trained model for transformers."),
    "fill": ("mlukit.pretraining.prediction.fill", "Asks a trained model which entity a text means."),
}
OPTIONS = {
    "--help": "Show this help and exit. mlukit COMMAND --help shows the flags of a command.",
    "--version": "Show the version of mlukit and exit.",
    "--print-completion SHELL": f"Print what completes commands and flags in a shell ({', '.join(SHELLS)}) and exit.",
}
FLAGS = [option.partition(" ")[0] for option in OPTIONS]


def usage() -> str:
    """The text of `mlukit --help`."""
    width = max(map(len, [*COMMANDS, *OPTIONS]))
    commands = "\n".join(f"  {name:<{width}}  {text}" for name, (_, text) in COMMANDS.items())
    options = "\n".join(f"  {name:<{width}}  {text}" for name, text in OPTIONS.items())
    return (
        "usage: mlukit COMMAND [FLAGS]\n\n"
        "From Wikipedia dumps to multilingual entity training examples, and to models.\n\n"
        f"commands:\n{commands}\n\nflags:\n{options}\n\n{EXAMPLES}\n"
        "  mlukit download --dumps DIR --languages en,de,ja --dry-run\n"
        "  mlukit build --dumps DIR --output OUT --languages en,de,ja --sentencepiece-model FILE\n"
        "  mlukit inspect OUT/examples/en\n"
        "  mlukit build --help\n\n"
        "exit status: 0 done, 1 failed, 2 wrongly asked, 3 done, but of damaged dumps (--allow-damaged makes it 0), "
        "130 stopped\n"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command.

    Returns:
        The exit status: 0 for success, 1 for a run that failed, 2 for something wrongly asked, 3 for a run that did all
        it could with damaged dumps, 130 after Ctrl-C.
    """
    set_up_logs()
    words = list(sys.argv[1:] if arguments is None else arguments)
    if not words or words[0] in ("-h", "--help", "help"):
        print(usage())
        return 0 if words else 2
    if words[0] == "--version":
        print(_version())
        return 0
    if words[0].partition("=")[0] == "--print-completion":
        return _print_completion(words)
    if words[0] not in COMMANDS:
        hint = nearest(words[0], [*COMMANDS, *FLAGS]) or f"; accepted: {', '.join(COMMANDS)}"
        complain(f"mlukit: unknown command {words[0]!r}{hint}")
        return 2
    return _call(words[0], words[1:])


def _call(command: str, arguments: Sequence[str]) -> int:
    try:
        module = importlib.import_module(COMMANDS[command][0])
        status: int = module.main(arguments)
    except ModuleNotFoundError as error:
        missing = missing_packages("train")
        if (error.name or "").partition(".")[0] not in EXTRAS["train"].values():
            raise
        complain(how_to_install(f"mlukit {command}", "train", missing))
        return 1
    except BrokenPipeError:  # the reader of our output has gone, as in `mlukit inspect … | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return status


def _print_completion(words: Sequence[str]) -> int:
    flag, _, shell = "=".join(words[:2]).partition("=")
    if shell not in SHELLS:
        complain(f"mlukit: {flag}: {shell!r} is not one of {', '.join(SHELLS)}{nearest(shell, SHELLS)}")
        return 2
    parsers = {name: importlib.import_module(module).parser() for name, (module, _) in COMMANDS.items()}
    print(completion(shell, parsers, FLAGS))
    return 0


def _version() -> str:
    try:
        return f"mlukit {version('mlukit')}"
    except PackageNotFoundError:
        return "mlukit (not installed)"


def _flush(status: int) -> int:
    """The exit status, once all that was said is written."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        except OSError:  # a full disk
            status = status or 1
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    return status


def run() -> None:
    """The `mlukit` command."""
    catch_stop_signals()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # text of any script, where the locale knows but some
    sys.exit(_flush(main()))
