"""Masked pieces alone: the baseline of mLUKE's paper, further training of XLM-R on the same text."""

from mlukit.pretraining.objectives.objective import Objective

OBJECTIVE = Objective(with_entities=False, untrained=("entity_embeddings.", "entity_head."))
