"""Reports about an output folder for people: the summary of a run, the full account, and the findings of an audit."""
