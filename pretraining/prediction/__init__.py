"""A trained model answers: masked entities of a text are filled in."""
