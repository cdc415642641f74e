"""How a command runs: its flags are read, its stages done, and whatever goes wrong is one line and an exit status."""

import time
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import TypeAlias

from mlukit.corpus.dumps.files import DumpError
from mlukit.engine.errors import RunError
from mlukit.engine.fork_server import SERVER
from mlukit.pipelines.dataflow import check_dataflow
from mlukit.pipelines.report import print_report
from mlukit.pipelines.run import Run, say
from mlukit.pipelines.settings import Settings, SettingsError, command_parser, read_settings

Stage = Callable[[Run], None]
Errors: TypeAlias = tuple[type[Exception], ...]
PRELOADED = tuple(f"mlukit.pipelines.{name}" for name in ("link", "vocabulary", "examples", "audit", "verify"))
GOES_ON = "What was finished is kept: the same command goes on from there."


def exit_status(
    command: str,
    work: Callable[[], int],
    *,
    refused: Errors = (SettingsError, DumpError),
    failed: Errors = (RunError, OSError),
    after_stop: str = GOES_ON,
) -> int:
    """Does the work of a command; whatever goes wrong, the user reads one line.

    Args:
        work: returns the exit status where nothing goes wrong.
        refused: errors in what was asked for; looked for before `failed`.
        failed: errors of a run that was rightly asked for.
        after_stop: what to tell the user after Ctrl-C.

    Returns:
        The exit status: 2 for what was refused, 1 for what failed, 130 after Ctrl-C.

    Raises:
        BrokenPipeError: the reader of our output has gone, which is no fault of the command.
    """
    try:
        return work()
    except BrokenPipeError:
        raise
    except refused as error:
        say(f"mlukit {command}: {error}")
        return 2
    except failed as error:
        say(f"mlukit {command}: {error}")
        return 1
    except KeyboardInterrupt:
        say(f"\nmlukit {command}: stopped. {after_stop}".rstrip())
        return 130


def run_command(
    command: str,
    description: str,
    examples: str,
    stages: Sequence[tuple[str, Stage]],
    arguments: Sequence[str],
    check: Callable[[Settings], None] = lambda _: None,
) -> int:
    """Runs the stages of a command one after the other.

    Args:
        stages: their names and what does them.
        check: looks at the settings before any work, and raises SettingsError.

    Returns:
        The exit status.
    """

    def work() -> int:
        settings, beam_flags = read_settings(command_parser(command, description, examples), arguments)
        SERVER.start(PRELOADED)
        check_dataflow(settings, beam_flags)
        check(settings)
        with closing(Run(settings, beam_flags)) as run:
            for name, stage in stages:
                start = time.monotonic()
                stage(run)
                run.record(name, time.monotonic() - start)
            print_report(run.storage, [name for name, _ in stages])
        return 0

    return exit_status(command, work)
