"""The work of the mentions stage, one verb per file: which anchors stand in the texts, and how often as links."""
