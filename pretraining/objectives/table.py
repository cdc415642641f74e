"""The table of objectives. No NumPy here, so that `mlukit train --help` and wrong flags are answered at once."""

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlukit.pretraining.objectives.objective import Objective

# The name of an objective, and what the model predicts. The objective is in the file of this name, with _ for spaces.
OBJECTIVES: Mapping[str, str] = {
    "words and entities": "masked pieces of words, and masked entities",
    "words": "masked pieces alone",
    "whole words and entities": "all pieces of masked words, and masked entities",
}


def load_objective(name: str) -> "Objective":
    """The objective of a name in the table."""
    found: Objective = import_module(f"mlukit.pretraining.objectives.{name.replace(' ', '_')}").OBJECTIVE
    return found
