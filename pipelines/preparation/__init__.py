"""Preparations of a run: a preview of the work (`--dry-run`), and the removal of old output (`--overwrite`)."""
