"""Runs the command `mlukit` by `python -m mlukit`."""

from mlukit.command_line import run

if __name__ == "__main__":
    run()
