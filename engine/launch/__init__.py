"""The launcher: starts a pipeline, shows its progress, watches over its processes, and ends it with one error."""
