"""Entities in plain text: finds mentions, chooses the item of each, writes and measures annotations."""
