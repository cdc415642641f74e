"""Titles of pages: the page that a written title denotes, the target of a redirect, and the kind of a page.

Here: MediaWiki's rules for titles. In another room: the lookup of a title in an index (`linking`).
"""
