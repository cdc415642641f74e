"""Beam transforms, one verb a file: each takes shards or ranges and writes shards.

Here: what a worker does. Not here: which tasks there are and in what order (`pipelines`), and the knowledge that is
applied (`corpus`).
"""
