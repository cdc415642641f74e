"""What comes before the work of a run: a view of what it would do, and the removal of old output."""
