"""Parsers of the commands: one layout of the help, one line about a wrong flag or key of a configuration file."""

import argparse
import difflib
import logging
import textwrap
import tomllib
from collections.abc import Callable, Iterable, Sequence
from importlib.resources.abc import Traversable
from itertools import takewhile
from typing import Any, NoReturn

from mlukit.engine.errors import RefusedError
from mlukit.engine.logs import set_up_logs

EXAMPLES = "for example:"
BEAM_FLAGS = "Flags of Apache Beam, such as --runner and --direct_num_workers, are accepted too."
_HELP_COLUMN = 30
_MISSING = "the following arguments are required: "  # how argparse begins the message


class Parser(argparse.ArgumentParser):
    """Raises RefusedError instead of printing the usage and ending the process, as argparse does."""

    def error(self, message: str) -> NoReturn:
        """Raises RefusedError with the message of argparse."""
        missing = message.removeprefix(_MISSING)
        if missing != message:
            names = missing.replace(", ", " and ")
            message = f"{names} {'is' if names == missing else 'are'} missing (see {self.prog} --help)"
        raise RefusedError(message)


class CommandParser(Parser):
    """Parses the flags of one command.

    Args:
        command: the name of the command.
        usage: the required arguments, then `[FLAGS]`.
        description: what the command does, in whole sentences.
        examples: command lines, one per line.
        notes: further paragraphs of the help.
        default: the value of a flag that is not given; `argparse.SUPPRESS` leaves the flag out of the values.
    """

    def __init__(
        self,
        command: str,
        usage: str,
        description: str,
        examples: str,
        notes: Sequence[str] = (),
        default: str | None = None,
    ) -> None:
        super().__init__(
            prog=f"mlukit {command}",
            usage=f"mlukit {command} {usage}",
            description=description,
            epilog="\n\n".join([f"{EXAMPLES}\n{examples.rstrip()}", *notes]),
            formatter_class=_HelpFormatter,
            argument_default=default,
            allow_abbrev=False,
            add_help=False,
        )
        self.command = command
        self._groups: dict[str, argparse._ArgumentGroup] = {}
        self._add_help_and_messages()

    def _add_help_and_messages(self) -> None:
        group = self.group("help and messages")
        group.add_argument("-h", "--help", action="help", help="Show this help and exit.")
        group.add_argument("-q", "--quiet", action="store_true", default=False, help="Show errors and warnings only.")
        text = "Show the full account at the end: what was left out, and why."
        group.add_argument("-v", "--verbose", action="store_true", default=False, help=text)
        text = "Also write every message to FILE, with the time."
        group.add_argument("--log-file", metavar="FILE", default="", help=text)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parses the flags as argparse does, and applies the flags for messages, which are removed from the values.

        Raises:
            RefusedError: a value is wrong, or the log file cannot be written.
        """
        values, unknown = super().parse_known_args(args, namespace)
        quiet, verbose, log_file = (values.__dict__.pop(name, "") for name in ("quiet", "verbose", "log_file"))
        try:
            set_up_logs(logging.WARNING if quiet else logging.DEBUG if verbose else logging.INFO, log_file)
        except OSError as error:
            raise RefusedError(f"--log-file {log_file} cannot be written to: {error.strerror}") from error
        return values, unknown

    def group(self, title: str) -> argparse._ArgumentGroup:
        """Returns the group of flags with a title; the help shows groups in the order of their first use."""
        if title not in self._groups:
            self._groups[title] = self.add_argument_group(title)
        return self._groups[title]

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parses the flags as argparse does, and refuses unknown flags.

        Raises:
            RefusedError: a flag is unknown or a value is wrong.
        """
        # Checked first: argparse would report a required flag with a typo as missing.
        flags = takewhile(lambda word: word != "--", args or ())
        wrong = [word for word in flags if word.startswith("--") and word.partition("=")[0] not in self.flags]
        values, unknown = (None, wrong) if wrong else self.parse_known_args(args, namespace)
        if unknown:
            unknown = self.take_words(values, unknown)
        if unknown:
            raise RefusedError(self.unknown(unknown[0], self.flags))
        return values

    def take_words(self, values: argparse.Namespace | None, words: Sequence[str]) -> list[str]:
        """Adds words that follow a flag to the argument that takes any number of words; returns the other words.

        argparse before Python 3.12 gives such an argument only the words before the first flag.
        """
        name = next((a.dest for a in self._actions if a.nargs == "*" and not a.option_strings), None)
        if values is None or name is None:
            return list(words)
        taken = [word for word in words if word == "-" or not word.startswith("-")]
        setattr(values, name, [*getattr(values, name), *taken])
        return [word for word in words if word not in taken]

    @property
    def flags(self) -> list[str]:
        """The flags that the command accepts, in their long form."""
        return [flag for flag in self._option_string_actions if flag.startswith("--")]

    def unknown(self, word: str, known: Sequence[str]) -> str:
        """Returns the message about a word that is not an argument of the command.

        Args:
            word: the word of the command line.
            known: the flags that the command accepts.
        """
        name = word.partition("=")[0]
        if not name.startswith("-"):
            return f"{word!r} is not a flag (see {self.prog} --help)"
        return f"unknown flag {name}{nearest(name, known)} (see {self.prog} --help)"


class _HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """Wraps paragraphs of one line; keeps paragraphs of several lines, such as the examples, as they are."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=_HELP_COLUMN)

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        wrap = argparse.HelpFormatter._fill_text
        paragraphs = text.split("\n\n")
        return "\n\n".join(part if "\n" in part else wrap(self, part, width, indent) for part in paragraphs)

    def _split_lines(self, text: str, width: int) -> list[str]:
        return textwrap.wrap(text, width, break_on_hyphens=False, break_long_words=False)  # never breaks a flag

    def _get_help_string(self, action: argparse.Action) -> str:
        default = "" if action.default == argparse.SUPPRESS else action.default
        return with_default(action.help or "", default).replace("%", "%%")  # argparse formats the text with %


def with_default(text: str, default: object) -> str:
    """Appends the default to the help of a flag, unless there is none or the flag is a switch that is off."""
    if isinstance(default, tuple):
        default = ",".join(map(str, default))
    return f"{text} Default: {default}." if default else text


def nearest(word: str, accepted: Sequence[str]) -> str:
    """Returns "; did you mean …?" if an accepted word is similar; otherwise an empty string."""
    close = difflib.get_close_matches(word, accepted, 1)
    return f"; did you mean {close[0]!r}?" if close else ""


def at_least(least: int) -> Callable[[str], int]:
    """Returns a parser of whole numbers that are not smaller than `least`."""

    def parse(text: str) -> int:
        if not text.isdecimal() or int(text) < least:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least {least}")
        return int(text)

    return parse


def read_toml(file: Traversable, path: str, *, if_missing: str = "") -> dict[str, Any]:
    """Reads a configuration file.

    Args:
        file: the file.
        path: the value of the flag --config, for messages.
        if_missing: what the message adds if there is no such file.

    Raises:
        RefusedError: the file cannot be read, or is not TOML.
    """
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:  # not TOML, or not UTF-8
        hint = if_missing if isinstance(error, FileNotFoundError) else ""
        raise RefusedError(f"--config {path}: {error}{hint}") from error


def check_keys(path: str, keys: Iterable[str], accepted: Sequence[str]) -> None:
    """Raises RefusedError for a key of a configuration file that is not accepted."""
    for key in keys:
        if key not in accepted:
            raise RefusedError(f"{path}: unknown option {key!r}{nearest(key, accepted)}")


def config_value(path: str, key: str, value: Any, parse: Callable[[str], Any] | None) -> Any:
    """Parses a value of a configuration file in the same way as the value of the flag.

    Args:
        path: the file, for messages.
        key: the key of the value.
        value: the value, as TOML has it. A list is the same as its elements with commas between them.
        parse: the parser of the flag's value; None for a switch.

    Raises:
        RefusedError: the value is wrong.
    """
    if parse is None:
        if not isinstance(value, bool):
            raise RefusedError(f"{path}: {key} = {value!r} is wrong; accepted: true or false")
        return value
    if isinstance(value, dict):
        raise RefusedError(f"{path}: {key} is a table; accepted: one value, or a list")
    try:
        return parse(",".join(map(str, value)) if isinstance(value, list) else str(value))
    except (argparse.ArgumentTypeError, ValueError) as error:
        raise RefusedError(f"{path}: {key}: {error}") from error
