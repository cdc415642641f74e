"""From a link's title to a Wikidata item, for millions of titles: the title index, and code that fills and reads it.

Here: the index on disk, sources of items joined by title, redirects followed to their end, items carried across
languages, the split of pages. Not here: reading the tables themselves (`dumps`), counting entities (`entities`).
"""
