"""Runs a command: reads the flags, does the stages, and reports any error as one line and an exit status."""

import time
from collections.abc import Callable, Sequence
from contextlib import closing

from mlukit.corpus.dumps.files import DumpError
from mlukit.engine.command_parser import CommandParser
from mlukit.engine.errors import Errors, RefusedError, RunError, report_errors
from mlukit.engine.launch.pipeline_process import PipelineProcess
from mlukit.engine.launch.run_pipeline import GOES_ON
from mlukit.pipelines.damage import recorded_damage, tell_of_damage
from mlukit.pipelines.dataflow import check_dataflow
from mlukit.pipelines.preparation.dry_run import show_plan
from mlukit.pipelines.reports.summary import tell_summary, write_account
from mlukit.pipelines.run import Run
from mlukit.pipelines.settings import Settings, read_settings
from mlukit.pipelines.stage import Stage


def exit_status(
    command: str,
    work: Callable[[], int],
    *,
    refused: Errors = (RefusedError, DumpError),
    failed: Errors = (RunError, OSError),
    after_stop: str = GOES_ON,
) -> int:
    """Calls `engine.errors.report_errors` with the errors and the advice of most commands."""
    return report_errors(command, work, refused=refused, failed=failed, after_stop=after_stop)


def run_command(
    parser: CommandParser,
    stages_of: Callable[[Settings], Sequence[Stage]],
    arguments: Sequence[str],
    check: Callable[[Settings], None] = lambda _: None,
) -> int:
    """Runs consecutive stages in one pipeline.

    Args:
        parser: the parser of the command's flags.
        stages_of: the stages of the command, in order.
        arguments: the arguments of the command.
        check: checks the settings before any work, and may raise SettingsError.

    Returns:
        The exit status.
    """

    def work() -> int:
        began = time.monotonic()
        settings, beam_flags = read_settings(parser, arguments)
        stages = stages_of(settings)
        if settings.dry_run:
            check_dataflow(settings, beam_flags)
            check(settings)
            show_plan(settings, beam_flags, stages)
            return 0
        with closing(PipelineProcess()) as process:
            check_dataflow(settings, beam_flags)
            check(settings)
            with closing(Run(parser.command, settings, beam_flags, process)) as run:
                run.do(stages)
                names = [stage.name for stage in stages]
                account = write_account(run.storage)
                tell_summary(run.storage, account, time.monotonic() - began)
                damaged, allowed = recorded_damage(run.storage), settings.allow_damaged
                return tell_of_damage(damaged, allowed=allowed, reads_dumps="link" in names)

    return exit_status(parser.command, work)
