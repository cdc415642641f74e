"""Beam transforms, one verb in each file: PTransforms that do tasks on ranges or shards, and write shards.

Here: the work of a worker. In other rooms: the plan and the order of tasks (`pipelines.graphs`), and the knowledge
about Wikipedia (`corpus`). `elements` has transforms of single pages and articles for use in other Beam pipelines.
"""
