"""Runs pipelines of the element-wise transforms, and collects what they give."""

import os
import pickle
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions

from mlukit.engine.counters import NAMESPACE
from mlukit.schemas.arrow import as_row
from mlukit.transforms.elements import MakeExamples, ParsePages, ReadPages, ResolveLinks

Build = Callable[[beam.Pipeline], Mapping[str, beam.PCollection]]


class Ran(NamedTuple):
    """What a pipeline gave."""

    elements: dict[str, list[Any]]  # by name, in no order
    counters: Counter[str]  # added up over the transforms
    sums: Counter[str]  # of distributions

    def rows(self, name: str) -> list[dict[str, Any]]:
        """Elements as rows of Parquet, sorted."""
        return in_order(map(as_row, self.elements[name]))


def in_order(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows of articles or examples by language, page and number."""
    return sorted(rows, key=lambda row: (row["language"], row["page_id"], row.get("index", 0)))


def _keep(element: Any, path: str) -> None:
    with Path(f"{path}.{os.getpid()}").open("ab") as file:
        pickle.dump(element, file)


def _kept(files: Iterable[Path]) -> list[Any]:
    found = []
    for path in files:
        with path.open("rb") as file:
            while file.peek(1):
                found.append(pickle.load(file))
    return found


def run_pipeline(folder: Path, build: Build, *flags: str) -> Ran:
    """Runs a pipeline.

    Args:
        folder: of the test's own.
        build: gives collections by names.
        flags: of Beam.
    """
    pipeline = beam.Pipeline(options=PipelineOptions(list(flags or ("--direct_running_mode=in_memory",))))
    collections = build(pipeline)
    for name, collection in collections.items():
        collection | f"Keep {name}" >> beam.Map(_keep, str(folder / name))
    result = pipeline.run()
    result.wait_until_finish()
    counters, sums = Counter[str](), Counter[str]()
    found = result.metrics().query()
    for metric in found["counters"]:
        if metric.key.metric.namespace == NAMESPACE:
            counters[metric.key.metric.name] += metric.committed
    for metric in found["distributions"]:
        if metric.key.metric.namespace == NAMESPACE:
            sums[metric.key.metric.name] += metric.committed.sum
    return Ran({name: _kept(folder.glob(f"{name}.*")) for name in collections}, counters, sums)


def all_transforms(dumps: Path, output: Path, languages: Iterable[str]) -> Build:
    """Dumps to examples; small ranges and batches, so that there are several of each."""

    def build(pipeline: beam.Pipeline) -> Mapping[str, beam.PCollection]:
        articles, failures = [], []
        for code in languages:
            reading = ReadPages(str(dumps / f"{code}wiki-*-pages-articles.xml.bz2"), code, range_size=500)
            pages, damaged = pipeline | f"Read {code}" >> reading
            parsed, failed = pages | f"Parse {code}" >> ParsePages(code, reading.namespaces)
            articles.append(parsed)
            failures += [damaged, failed]
        linked = articles | beam.Flatten() | ResolveLinks(str(output), text_bytes=600)
        examples, unmade = linked | MakeExamples(str(output), text_bytes=1000)
        return {
            "articles": linked,
            "examples": examples,
            "failures": [*failures, unmade] | "All failures" >> beam.Flatten(),
        }

    return build
