"""Checks of the inputs of this room's transforms: the PCollection, and the output folder of a finished build."""

from collections.abc import Mapping
from typing import Any

import apache_beam as beam
from apache_beam.pvalue import PBegin

from mlukit.engine.storage import Storage
from mlukit.schemas import layout

FAILURES = "failures"  # the tag of the output for `Failure` records


def check_input(transform: beam.PTransform, value: Any, *, begins: bool = False) -> None:
    """Checks whether a transform is applied to a pipeline or to a PCollection, which Beam's types do not check.

    Args:
        transform: the transform.
        value: the value to which the transform is applied.
        begins: whether the transform must be applied to the pipeline itself.

    Raises:
        TypeError: the transform is applied to the wrong one.
    """
    if isinstance(value, PBegin) != begins:
        accepted = "the pipeline itself" if begins else "a PCollection of another transform"
        raise TypeError(f"{transform.label} is applied to {value}; accepted: {accepted}")


def stage_record(output: str, stage: str, needed_by: str) -> Mapping[str, Any]:
    """Reads the record of a finished stage.

    Args:
        output: an output folder.
        stage: the name of the stage.
        needed_by: the transform that needs the stage, for the message.

    Raises:
        ValueError: `output` is not an output folder, or the stage is not finished.
    """
    try:
        record: Mapping[str, Any] = Storage(output).read_json(layout.stage_record(stage))
    except FileNotFoundError:
        raise ValueError(
            f"{output} has no finished {stage} stage, which {needed_by} needs: name an output folder of mlukit, or run "
            f"mlukit {stage} first"
        ) from None
    return record
