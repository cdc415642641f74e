"""Knowledge of Wikipedia and Wikidata in plain Python: no Beam, no torch."""
