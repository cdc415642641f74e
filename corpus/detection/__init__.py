"""Where the anchors of a mention dictionary stand in a text: borders of words, tables of anchors, matches, figures."""
