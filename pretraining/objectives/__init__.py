"""Objectives of pretraining: which words and entities the model predicts, and which parameters learn from them.

Here: an objective in each file, and their table. The room `data` calls an objective to mask examples, the room
`training` to choose parameters and losses; both get the objective from the configuration.
"""
