"""Files as Wikimedia publishes them: which there are, how they are cut into ranges, and the rows and pages in them.

Here: file names, compression, export XML, SQL tables, Wikidata's JSON. Not here: what a title or wikitext means
(`titles`, `wikitext`), how items are put together (`linking`), and downloads (`web`).
"""
