"""The facts about single Wikipedias: tables, one set for each language, and the code that reads them.

Here: `{code}.json` (made from siteinfo), `{code}.toml` (written by hand), `wikitext/{code}.toml` (templates and
typography), `sentences.toml` (abbreviations), the files that several languages share, and the code that reads these
files. docs/languages.md describes each file and tells how to add a language. A rule for a single language belongs in
these files, not in code.
In other rooms: rules for all languages, which are in the module that applies them.
"""
