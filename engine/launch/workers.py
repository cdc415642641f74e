"""Which workers a run has: processes of this machine, none of their own where little is to be done, or a cluster's."""

import os
from collections.abc import Sequence
from dataclasses import dataclass

from apache_beam.options.pipeline_options import DirectOptions, PipelineOptions, StandardOptions

from mlukit.engine.errors import RefusedError
from mlukit.schemas.wording import counted

FLINK_VERSION = "1.19"  # of Flink, in docs/flink.md and tools/flink; Beam's FlinkRunner would take a later one
SMALL = 4 << 20  # input bytes below which worker processes cost more than they bring
_FLINK = ("flinkrunner", "portablerunner")
_OF_DATAFLOW = ("--num_workers", "--max_num_workers")
_LOCAL = ("directrunner", "fnapirunner", "bundlebaseddirectrunner", "switchingdirectrunner")


@dataclass(frozen=True, slots=True)
class Workers:
    """Where tasks run."""

    runner: str  # "DirectRunner" or one that Beam knows
    processes: int  # 0: one, that of the pipeline; or on a cluster

    @property
    def are_local(self) -> bool:
        """Whether on this machine, by Beam's in-process runner."""
        return self.runner == "DirectRunner"

    def __str__(self) -> str:
        if not self.are_local:
            return f"on {self.runner}"
        return (
            f"in {counted(self.processes, 'worker process', 'worker processes')}"
            if self.processes
            else "in one process"
        )


def complete_flags(beam_flags: Sequence[str], workers: int) -> list[str]:
    """Beam's flags with those that follow from `--workers`, and with the version of Flink.

    Args:
        beam_flags: the user's.
        workers: the number of `--workers`; 0 where it is not given.

    Raises:
        RefusedError: a number of workers would be ignored.
    """
    runner, named = _runner(beam_flags), _names(beam_flags)
    _check_cluster_flags(runner, named)
    if workers:
        _check_local(runner, beam_flags, workers)
        return [*beam_flags, f"--direct_num_workers={workers}"]
    if runner.lower() == "flinkrunner" and not {"--flink_version", "--flink_job_server_jar"} & named:
        return [*beam_flags, f"--flink_version={FLINK_VERSION}"]
    return list(beam_flags)


def _check_cluster_flags(runner: str, named: set[str]) -> None:
    """Refuses numbers of Dataflow's workers where another runner would ignore them."""
    flag = next((flag for flag in _OF_DATAFLOW if flag in named), "")
    if flag and runner.lower() in _LOCAL:
        raise RefusedError(f"{flag} is for Dataflow; on this machine --workers N sets the number of worker processes")
    if flag and runner.lower() in _FLINK:
        raise RefusedError(
            f"{flag} is for Dataflow; with --runner {runner} --parallelism N sets the number of task slots"
        )


def _check_local(runner: str, beam_flags: Sequence[str], workers: int) -> None:
    """Refuses `--workers` beside flags that would have it ignored."""
    named, mode = _names(beam_flags), PipelineOptions(list(beam_flags)).view_as(DirectOptions).direct_running_mode
    if runner.lower() not in _LOCAL:
        flag = "--parallelism" if runner.lower() in _FLINK else "--num_workers"
        raise RefusedError(f"--workers {workers} is for a run on this machine; with --runner {runner} use {flag}")
    if "--direct_num_workers" in named:
        raise RefusedError(f"--workers {workers} and --direct_num_workers mean the same: give one of them")
    if "--direct_running_mode" in named and mode != "multi_processing":
        raise RefusedError(
            f"--workers {workers} sets worker processes, and --direct_running_mode={mode} has none: give one of them"
        )


def _runner(beam_flags: Sequence[str]) -> str:
    return PipelineOptions(list(beam_flags)).view_as(StandardOptions).runner or "DirectRunner"


def _names(beam_flags: Sequence[str]) -> set[str]:
    return {flag.partition("=")[0] for flag in beam_flags}


def choose_workers(input_bytes: int, beam_flags: Sequence[str]) -> Workers:
    """All cores for work that is worth it, and just what the user's flags say where they say."""
    options = PipelineOptions(list(beam_flags))
    runner = _runner(beam_flags)
    if runner.lower() not in _LOCAL:
        return Workers(runner, 0)
    direct = options.view_as(DirectOptions)
    named = _names(beam_flags)
    cores = os.cpu_count() or 1
    if "--direct_running_mode" in named and direct.direct_running_mode != "multi_processing":
        return Workers("DirectRunner", 0)
    if "--direct_num_workers" in named or "--direct_running_mode" in named:
        return Workers("DirectRunner", direct.direct_num_workers or cores)
    return Workers("DirectRunner", 0 if input_bytes < SMALL else cores)
