"""What the transforms of this room are joined to: each other, and the output folder of a finished build."""

from collections.abc import Mapping
from typing import Any

import apache_beam as beam
from apache_beam.pvalue import PBegin

from mlukit.engine.storage import Storage
from mlukit.schemas import layout

FAILURES = "failures"  # the tag of the output for `Failure` records


def check_input(transform: beam.PTransform, value: Any, *, begins: bool = False) -> None:
    """What Beam's types do not tell: whether a transform is applied to the pipeline itself or to a PCollection.

    Args:
        begins: whether the transform is one that a pipeline begins with.

    Raises:
        TypeError: it is applied to the other one.
    """
    if isinstance(value, PBegin) != begins:
        accepted = "the pipeline itself" if begins else "a PCollection of another transform"
        raise TypeError(f"{transform.label} is applied to {value}; accepted: {accepted}")


def stage_record(output: str, stage: str, needed_by: str) -> Mapping[str, Any]:
    """The record of a finished stage.

    Raises:
        ValueError: `output` is no output folder, or the stage is not finished.
    """
    try:
        record: Mapping[str, Any] = Storage(output).read_json(layout.stage_record(stage))
    except FileNotFoundError:
        raise ValueError(
            f"{output} has no finished {stage} stage, which {needed_by} builds on: name a folder that mlukit wrote to, "
            f"or run mlukit {stage} first"
        ) from None
    return record
