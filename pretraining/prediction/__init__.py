"""Predictions of a trained model: guesses of the masked entities in a text."""
