"""Beam transforms, one verb a file."""
