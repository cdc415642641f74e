"""Between our checkpoints and those of the transformers library: import, export, tokenizer files, model card."""
