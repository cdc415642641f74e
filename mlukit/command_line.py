"""The command line of mlukit: a table of commands, each of which is imported only when it is called."""

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
    "download": ("mlukit.pipelines.download", "Downloads the dumps of one date, from Wikimedia or a mirror."),
    "build": ("mlukit.pipelines.build", "Makes articles, vocabulary and training examples from dumps: all stages."),
    "link": ("mlukit.pipelines.link", "Makes articles from dumps: text, and links with their Wikidata items."),
    "vocabulary": (
        "mlukit.pipelines.vocabulary",
        "Makes one entity vocabulary from articles, and a mention dictionary for each language.",
    ),
    "examples": ("mlukit.pipelines.examples", "Makes training examples from articles and the vocabulary."),
    "audit": ("mlukit.pipelines.audit", "Reports remains of markup in articles, and missing or wrong links."),
    "inspect": ("mlukit.pipelines.inspect", "Shows records that mlukit wrote, in a form for people."),
    "verify": ("mlukit.pipelines.verify", "Reads the output again, and reports what has changed or is missing."),
    "train": ("mlukit.pretraining.train", "Trains a model on training examples, on GPUs or a laptop."),
    "import": (
        "mlukit.pretraining.hugging_face.import_checkpoint",
        "Makes initial weights for training from XLM-R or mLUKE of transformers.",
    ),
    "export": ("mlukit.pretraining.hugging_face.export", "Writes a trained model for transformers."),
    "embed": (
        "mlukit.pretraining.prediction.embed",
        "Writes the states of a model for texts, their words and their entities.",
    ),
    "fill": ("mlukit.pretraining.prediction.fill", "Asks a trained model which entities a text mentions."),
    "evaluate": (
        "mlukit.evaluation.evaluate",
        "Fine-tunes and tests a model on the paper's tasks across languages, or measures its states.",
    ),
}
OPTIONS = {
    "--help": "Show this help and exit. mlukit COMMAND --help shows the flags of a command.",
    "--version": "Show the version of mlukit and exit.",
    "--print-completion SHELL": f"Print the script that completes commands and flags ({', '.join(SHELLS)}) and exit.",
}
FLAGS = [option.partition(" ")[0] for option in OPTIONS]


def usage() -> str:
    """Returns the text of `mlukit --help`."""
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
        "exit status: 0 done, 1 failed, 2 wrong command or input, 3 done with damaged dumps (0 with "
        "--allow-damaged), 130 stopped\n"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command.

    Returns:
        The exit status: 0 for success, 1 for a failed run, 2 for a wrong command or input, 3 for a run that succeeded
        with damaged dumps, 130 after Ctrl-C.
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
    """Imports and runs a command; names the missing packages if the import fails because of them."""
    try:
        module = importlib.import_module(COMMANDS[command][0])
        status: int = module.main(arguments)
    except ModuleNotFoundError as error:
        extra = "evaluate" if command == "evaluate" else "train"
        if (error.name or "").partition(".")[0] not in EXTRAS[extra].values():
            raise
        complain(how_to_install(f"mlukit {command}", extra, missing_packages(extra)))
        return 1
    except BrokenPipeError:  # the reader of the output has ended, as in `mlukit inspect … | head`
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
    """Writes all buffered output, and returns the exit status, which is 1 if the output cannot be written."""
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
            stream.reconfigure(errors="backslashreplace")  # for characters that the encoding of the locale lacks
    sys.exit(_flush(main()))
