"""Errors of an evaluation that a user can correct."""

from functools import partial

from mlukit.pretraining.errors import PretrainingError
from mlukit.pretraining.errors import say as say_of
from mlukit.pretraining.errors import warn as warn_of


class EvaluationError(PretrainingError):
    """A file, a flag or a checkpoint cannot be used; the text shows what was found, and what would be accepted."""


class ExampleError(EvaluationError):
    """One example cannot be given to the model. The evaluation goes on: the example is counted, and scored as wrong.

    The text is the reason under which the example is counted, such as "longer than the model takes".
    """


say = partial(say_of, "evaluate")
warn = partial(warn_of, "evaluate")
