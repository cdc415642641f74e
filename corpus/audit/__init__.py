"""Checks of the extraction: markup that was left in the text, and links that are missing or wrong.

Here: only what `mlukit audit` needs; no build imports this room.
"""
