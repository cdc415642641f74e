"""Which workers a run has: processes of this machine, none of their own where little is to be done, or a cluster's."""

import os
from collections.abc import Sequence
from dataclasses import dataclass

from apache_beam.options.pipeline_options import DirectOptions, PipelineOptions, StandardOptions

SMALL = 4 << 20  # input bytes below which worker processes cost more than they bring
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
        return f"in {self.processes} worker processes" if self.processes else "in one process"


def choose_workers(input_bytes: int, beam_flags: Sequence[str]) -> Workers:
    """All cores for work that is worth it, and just what the user's flags say where they say."""
    options = PipelineOptions(list(beam_flags))
    runner = options.view_as(StandardOptions).runner or "DirectRunner"
    if runner.lower() not in _LOCAL:
        return Workers(runner, 0)
    direct = options.view_as(DirectOptions)
    named = {flag.partition("=")[0] for flag in beam_flags}
    cores = os.cpu_count() or 1
    if "--direct_running_mode" in named and direct.direct_running_mode != "multi_processing":
        return Workers("DirectRunner", 0)
    if "--direct_num_workers" in named or "--direct_running_mode" in named:
        return Workers("DirectRunner", direct.direct_num_workers or cores)
    return Workers("DirectRunner", 0 if input_bytes < SMALL else cores)
