"""Masked pieces alone: mLUKE's baseline of further training on the same text (section 2.3, "extra training")."""

from mlukit.pretraining.objectives.objective import Objective

OBJECTIVE = Objective(with_entities=False, untrained=("entity_embeddings.", "entity_head."))
