"""The tasks: a file each, and a line in `table.py`. No torch here."""
