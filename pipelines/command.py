"""How a command runs: its flags are read, its stages done, and whatever goes wrong is one line and an exit status."""

import time
from collections.abc import Callable, Sequence
from contextlib import closing

from mlukit.corpus.dumps.files import DumpError
from mlukit.engine.errors import Errors, RunError, report_errors
from mlukit.engine.fork_server import SERVER
from mlukit.pipelines.dataflow import check_dataflow
from mlukit.pipelines.report import print_report
from mlukit.pipelines.run import Run
from mlukit.pipelines.settings import Settings, SettingsError, command_parser, read_settings

Stage = Callable[[Run], None]
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
    """As `engine.errors.report_errors`, with the errors and the advice that most commands have."""
    return report_errors(command, work, refused=refused, failed=failed, after_stop=after_stop)


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
