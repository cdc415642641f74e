"""Knowledge of Wikipedia and Wikidata in plain Python: no Beam, no torch, no paths of the output folder.

A room for each thing that is known; `linking`, `entities`, `examples` and `audit` serve the commands of those names.
The docstring of a room says what belongs there and what does not.
"""
