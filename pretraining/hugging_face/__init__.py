"""Imports checkpoints of the transformers library, and exports runs as such, with tokenizer files and model card."""
