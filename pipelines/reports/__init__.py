"""What people read of an output folder: the table that a run ends with, its whole account, the findings of an audit."""
