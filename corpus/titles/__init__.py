"""Titles of pages: what a written title denotes, where a redirect leads, and which kind a page has.

Here: MediaWiki's rules of titles. Not here: looking a title up in an index (`linking`).
"""
