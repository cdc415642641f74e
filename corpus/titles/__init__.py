"""Titles of pages: what a written title denotes, where a redirect leads, and which kind of page a title is.

Here: MediaWiki's rules of titles. Not here: looking a title up in an index (`linking`).
"""
