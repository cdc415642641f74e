"""Makes the training examples of a shard of articles."""
