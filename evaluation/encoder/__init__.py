"""A checkpoint of any kind, texts as its inputs, and its states for them."""
