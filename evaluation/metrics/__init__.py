"""Pure functions of predictions and right answers. No torch, and no files."""
