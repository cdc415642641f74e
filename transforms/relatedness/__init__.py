"""Transforms that count which entities are related."""
