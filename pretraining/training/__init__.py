"""A training run: the loop, its folder, checkpoints, optimiser, ranks, validation, progress."""
