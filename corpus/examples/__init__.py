"""Makes training examples from linked articles: sentences, SentencePiece pieces, mentions, packing.

Here: all steps from a batch of articles to a batch of examples. In other rooms: file formats (`schemas`), and masking
and batches for training (`pretraining.data`).
"""
