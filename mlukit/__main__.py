"""`python -m mlukit` is the command `mlukit`."""

from mlukit.command_line import run

if __name__ == "__main__":
    run()
