"""Makes training examples from linked articles: splits sentences, encodes them with their mentions, and packs them.

Here: all steps from a batch of articles to a batch of examples. In other rooms: file formats (`schemas`), and masking
and batches for training (`pretraining.data`).
"""
