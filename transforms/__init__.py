"""Beam transforms, one verb a file: PTransforms that do tasks, of ranges or shards, and write shards.

Here: what a worker does. Not here: which tasks there are and in what order (`pipelines.graphs`), and the knowledge that
is applied (`corpus`). `elements` has transforms of pages and articles one by one, for pipelines of somebody's own.
"""
