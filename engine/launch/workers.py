"""Chooses the workers of a run: processes on this machine, one single process for small inputs, or a cluster."""

import os
from collections.abc import Sequence
from dataclasses import dataclass

from apache_beam.options.pipeline_options import DirectOptions, PipelineOptions, StandardOptions

from mlukit.engine.errors import RefusedError
from mlukit.schemas.wording import counted

FLINK_VERSION = "1.19"  # of Flink, in docs/flink.md and tools/flink; Beam's FlinkRunner would choose a later version
SMALL = 4 << 20  # input bytes below which worker processes cost more time than they save
_FLINK = ("flinkrunner", "portablerunner")
_OF_DATAFLOW = ("--num_workers", "--max_num_workers")
_LOCAL = ("directrunner", "fnapirunner", "bundlebaseddirectrunner", "switchingdirectrunner")


@dataclass(frozen=True, slots=True)
class Workers:
    """Where the tasks of a run are done."""

    runner: str  # "DirectRunner" or another runner of Beam
    processes: int  # worker processes on this machine; 0 if the pipeline's own process or a cluster does the tasks

    @property
    def are_local(self) -> bool:
        """Whether the tasks run on this machine, by Beam's in-process runner."""
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
    """Adds the flags for Beam that follow from `--workers`, and the version of Flink.

    Args:
        beam_flags: the flags of the user for Beam.
        workers: the number of `--workers`; 0 if the flag is not given.

    Raises:
        RefusedError: the runner would ignore a given number of workers.
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
    """Refuses flags for the number of Dataflow's workers if the runner would ignore them."""
    flag = next((flag for flag in _OF_DATAFLOW if flag in named), "")
    if flag and runner.lower() in _LOCAL:
        raise RefusedError(f"{flag} is for Dataflow; on this machine, --workers N sets the number of worker processes")
    if flag and runner.lower() in _FLINK:
        raise RefusedError(
            f"{flag} is for Dataflow; with --runner {runner}, --parallelism N sets the number of task slots"
        )


def _check_local(runner: str, beam_flags: Sequence[str], workers: int) -> None:
    """Refuses `--workers` together with flags that would override it."""
    named, mode = _names(beam_flags), PipelineOptions(list(beam_flags)).view_as(DirectOptions).direct_running_mode
    if runner.lower() not in _LOCAL:
        flag = "--parallelism" if runner.lower() in _FLINK else "--num_workers"
        raise RefusedError(f"--workers {workers} is for a run on this machine; with --runner {runner}, use {flag}")
    if "--direct_num_workers" in named:
        raise RefusedError(f"--workers {workers} and --direct_num_workers mean the same: give only one of them")
    if "--direct_running_mode" in named and mode != "multi_processing":
        raise RefusedError(
            f"--workers {workers} starts worker processes, but --direct_running_mode={mode} has none: give only one "
            "of them"
        )


def _runner(beam_flags: Sequence[str]) -> str:
    return PipelineOptions(list(beam_flags)).view_as(StandardOptions).runner or "DirectRunner"


def _names(beam_flags: Sequence[str]) -> set[str]:
    return {flag.partition("=")[0] for flag in beam_flags}


def choose_workers(input_bytes: int, beam_flags: Sequence[str]) -> Workers:
    """Chooses the workers that the user's flags name; otherwise one process per core, or a single one for small inputs.

    Args:
        input_bytes: the bytes that the run reads.
        beam_flags: the flags for Beam.
    """
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
