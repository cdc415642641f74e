"""The network: embeddings, attention, heads and losses.

Here: modules and functions of tensors. Not here: optimisers and loops (`training`), other layouts (`hugging_face`).
"""
