"""The commands, one a file: options, the graph of transforms, and the report at the end."""
