"""`mlukit report`: a page about an output folder for people, and the same numbers for programs.

The value of `report.json` is made first, and the page gets its numbers only from this value, so both have the same
numbers. Only this room imports Jinja2 and Matplotlib, and no worker of a pipeline imports this room.

A table with bars is a table of HTML: a screen reader reads it, and it has the letters of every script. The three plots
with logarithmic or binned axes are static SVG by Matplotlib, the plotting library that most people know. Altair would
have to bundle Vega's scripts, a megabyte in each page, and a plot would need these scripts to be seen.
"""
