"""Transforms of single pages, articles and examples, for use in other Beam pipelines (docs/beam.md).

Here: thin wrappers around functions of `corpus`, with counters; the task transforms call the same functions. Shards,
results and resuming are only in the task transforms. Tasks never shuffle articles, so the DoFns are separate.
"""

from mlukit.schemas.arrow import as_row
from mlukit.transforms.elements.make_examples import MakeExamples
from mlukit.transforms.elements.parse_pages import ParsePages
from mlukit.transforms.elements.read_pages import ReadPages
from mlukit.transforms.elements.resolve_links import ResolveLinks

__all__ = ["MakeExamples", "ParsePages", "ReadPages", "ResolveLinks", "as_row"]
