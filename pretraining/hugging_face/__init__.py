"""Import and export of checkpoints of the transformers library, with tokenizer files and model card."""
