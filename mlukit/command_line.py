"""The command line of mlukit: a table of commands, each imported only when called."""

import difflib
import importlib
import io
import os
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version

from mlukit.engine.extras import EXTRAS, how_to_install, missing_packages
from mlukit.engine.launch.stop_signals import catch_stop_signals

COMMANDS = {
    "download": ("mlukit.pipelines.download", "dumps of a day, for some languages, from Wikimedia or a mirror"),
    "build": ("mlukit.pipelines.build", "dumps -> linked articles, vocabulary, training examples: all stages"),
    "link": ("mlukit.pipelines.link", "dumps -> articles: text, and links with their Wikidata items"),
    "vocabulary": (
        "mlukit.pipelines.vocabulary",
        "articles -> one entity vocabulary, and a mention dictionary a language",
    ),
    "examples": ("mlukit.pipelines.examples", "articles and vocabulary -> training examples"),
    "audit": ("mlukit.pipelines.audit", "how much markup is left in articles, and which links are missing or wrong"),
    "inspect": ("mlukit.pipelines.inspect", "look at what was written, a record at a time"),
    "verify": ("mlukit.pipelines.verify", "read again what was written, and say what is changed or missing"),
    "train": ("mlukit.pretraining.train", "training examples -> a model, on GPUs or a laptop"),
    "import": (
        "mlukit.pretraining.hugging_face.import_checkpoint",
        "XLM-R or mLUKE of transformers -> weights to train from",
    ),
    "export": ("mlukit.pretraining.hugging_face.export", "a trained model -> what transformers loads"),
    "fill": ("mlukit.pretraining.prediction.fill", "ask a trained model which entity a text means"),
}


def usage() -> str:
    """The text of `mlukit --help`."""
    width = max(map(len, COMMANDS))
    commands = "\n".join(f"  {name:<{width}}  {text}" for name, (_, text) in COMMANDS.items())
    return (
        "mlukit: from Wikipedia dumps to multilingual entity training examples, and to models\n\n"
        f"usage: mlukit COMMAND [FLAGS]\n\ncommands:\n{commands}\n\n"
        "examples:\n"
        "  mlukit download --dumps DIR --languages en,de,ja --dry-run\n"
        "  mlukit build --dumps DIR --output OUT --languages en,de,ja --sentencepiece-model FILE\n"
        "  mlukit inspect OUT/examples/en\n"
        "  mlukit build --help\n"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command.

    Returns:
        The exit status: 0 for success, 1 for a run that failed, 2 for something wrongly asked, 130 after Ctrl-C.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    if not words or words[0] in ("-h", "--help", "help"):
        print(usage())
        return 0 if words else 2
    if words[0] == "--version":
        print(_version())
        return 0
    if words[0] not in COMMANDS:
        close = difflib.get_close_matches(words[0], list(COMMANDS), 1)
        hint = f"did you mean {close[0]!r}?" if close else f"it is none of {', '.join(COMMANDS)}"
        print(f"mlukit: unknown command {words[0]!r}: {hint}", file=sys.stderr)
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
        print(how_to_install(f"mlukit {command}", "train", missing), file=sys.stderr)
        return 1
    except BrokenPipeError:  # the reader of our output has gone, as in `mlukit inspect … | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return status


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
