"""Checks of the extraction: markup that was left in the text, and links that are missing or wrong.

Only `mlukit audit` uses this room; a build does not import it.
"""
