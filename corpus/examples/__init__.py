"""Training examples out of linked articles: sentences, SentencePiece pieces, mentions, packing.

Here: everything between a batch of articles and a batch of examples. Not here: file formats (`schemas`), masking and
batches for training (`pretraining.data`).
"""
