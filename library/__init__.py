"""The public functions that read dumps and OUT from Python, without Beam and without torch (docs/library.md).

Here: thin functions and classes over `corpus` and `schemas`, for files on this machine. `mlukit/__init__.py` gives
each of them its public name.
"""
