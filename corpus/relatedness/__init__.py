"""Which entities are related to each other, counted from the links of the articles."""
