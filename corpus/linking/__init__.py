"""Finds the Wikidata item of a link by its title: builds and reads the title index, for millions of titles.

Here: the index on disk, the join of item sources by title, redirects, items carried over from other languages, and
the split of pages into train and validation. In other rooms: the readers of tables (`dumps`), and the counts of
entities (`entities`).
"""
