"""Reads the files that Wikimedia publishes: finds them by name, cuts them into ranges, and reads pages and rows.

Here: file names, compression, export XML, SQL tables, Wikidata's JSON. In other rooms: the meaning of titles
(`titles`) and wikitext (`wikitext`), the combination of item sources (`linking`), and downloads (`web`).
"""
