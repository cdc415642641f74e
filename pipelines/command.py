"""How a command runs: its flags are read, its stages done, and whatever goes wrong is one line and an exit status."""

import sys
import time
from collections.abc import Callable, Sequence
from contextlib import closing

from mlukit.corpus.dumps.files import DumpError
from mlukit.engine.errors import RunError
from mlukit.engine.fork_server import SERVER
from mlukit.pipelines.dataflow import check_dataflow
from mlukit.pipelines.report import print_report
from mlukit.pipelines.run import Run, say
from mlukit.pipelines.settings import Settings, SettingsError, command_parser, read_settings

Stage = Callable[[Run], None]
PRELOADED = tuple(f"mlukit.pipelines.{name}" for name in ("link", "vocabulary", "examples", "audit", "verify"))


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
    try:
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
    except (SettingsError, DumpError) as error:
        return _complain(command, error, 2)
    except BrokenPipeError:  # the reader of our output has gone
        raise
    except (RunError, OSError) as error:
        return _complain(command, error, 1)
    except KeyboardInterrupt:
        say(f"\nmlukit {command}: stopped. What was finished is kept: the same command goes on from there.")
        return 130
    return 0


def _complain(command: str, error: Exception, status: int) -> int:
    print(f"mlukit {command}: {error}", file=sys.stderr)
    return status
