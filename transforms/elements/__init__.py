"""Transforms of single elements, for somebody's own Beam pipeline: pages, articles, examples (docs/beam.md).

Here: thin shells over the functions of `corpus/` that the jobs beside this room call too, with counters. Not here:
shards, results and resuming, which are a job's. Jobs let no article cross a shuffle, so no DoFn of theirs is shared.
"""

from mlukit.schemas.arrow import as_row
from mlukit.transforms.elements.make_examples import MakeExamples
from mlukit.transforms.elements.parse_pages import ParsePages
from mlukit.transforms.elements.read_pages import ReadPages
from mlukit.transforms.elements.resolve_links import ResolveLinks

__all__ = ["MakeExamples", "ParsePages", "ReadPages", "ResolveLinks", "as_row"]
