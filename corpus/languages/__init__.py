"""What is known of one language's Wikipedia, and the tables that say it.

Here: `{code}.json` (made from siteinfo), `{code}.toml` (written by hand), `wikitext/{code}.toml` (templates and
typography), `sentences.toml` (abbreviations), the files that several share, and what reads them. docs/languages.md
tells what each of them holds, and how to add a language. What holds for one language alone stands in these
files, not in code.
Not here: rules that hold for every language, which stand where they are applied.
"""
