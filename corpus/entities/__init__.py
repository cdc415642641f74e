"""Entities counted over all languages: the entity vocabulary and the mention dictionaries.

Here: counts by hash part, order and ids, anchors with the items they denote. Not here: which item a link has
(`linking`).
"""
