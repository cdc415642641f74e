"""Masked pieces of words, and masked entities: the objective of mLUKE (section 2.1) and LUKE."""

from mlukit.pretraining.objectives.objective import Objective

OBJECTIVE = Objective()
