"""Parallel texts with aligned spans: their readers, the items that are compared, and the states of each layer.

Here: what contextual word retrieval and modularity share. `span_states` needs torch, the other modules do not.
"""
