"""The one loop that fine-tunes a checkpoint on a task, and predicts with it."""
