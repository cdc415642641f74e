"""The commands, one a file: options, what is looked at before any work, the report. Their graphs are in `graphs`."""
