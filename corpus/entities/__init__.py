"""Entities counted over all languages: the entity vocabulary and the mention dictionaries.

Here: counts by hash part, the order and the ids of entities, and anchors with their items. In another
room: how a link gets its item (`linking`).
"""
