"""Between our checkpoints and those of the transformers library."""
