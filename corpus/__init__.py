"""Knowledge of Wikipedia and Wikidata in plain Python: no Beam, no torch, no paths of the output folder.

Each room has one subject. The rooms `linking`, `entities`, `examples` and `audit` serve the commands `mlukit link`,
`vocabulary`, `examples` and `audit`. The docstring of each room says what belongs there and what does not.
"""
