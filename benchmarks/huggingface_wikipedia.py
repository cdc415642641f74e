"""The Beam job of Hugging Face's data set `wikipedia`, which benchmarks/dump_to_examples.py runs.

Each dump file is an element, which one worker reads with iterparse, without redirects and pages of other namespaces. A
Reshuffle distributes the pages, mwparserfromhell cleans them (benchmarks/extraction_peers.py), and they are written as
JSON lines.

usage: PYTHONPATH=benchmarks python benchmarks/huggingface_wikipedia.py DUMP.xml.bz2 OUTPUT WORKERS
"""

import bz2
import json
import sys
import xml.etree.ElementTree
from collections.abc import Iterator

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from extraction_peers import huggingface


def read_pages(path: str) -> Iterator[tuple[str, str]]:
    """Yields title and wikitext of the articles of a dump."""
    with bz2.open(path) as stream:
        events = xml.etree.ElementTree.iterparse(stream, events=("start", "end"))
        _, root = next(events)
        for event, page in events:
            if event != "end" or not page.tag.endswith("}page"):
                continue
            namespace = page.tag[:-4]
            title, number = page.findtext(f"{namespace}title"), page.findtext(f"{namespace}ns")
            text = page.findtext(f"{namespace}revision/{namespace}text")
            root.clear()
            if number == "0" and text and not text.lower().startswith("#redirect"):
                yield title or "", text


def clean(page: tuple[str, str]) -> Iterator[str]:
    """A page's text as a line of JSON."""
    title, wikitext = page
    text, _ = huggingface("en", title, wikitext)
    if text:
        yield json.dumps({"title": title, "text": text}, ensure_ascii=False)


def main() -> None:
    dump, output, workers = sys.argv[1:]
    options = PipelineOptions([f"--direct_num_workers={workers}", "--direct_running_mode=multi_processing"])
    with beam.Pipeline(FnApiRunner(), options=options) as pipeline:
        pages = pipeline | beam.Create([dump]) | beam.FlatMap(read_pages) | beam.Reshuffle()
        pages | beam.FlatMap(clean) | beam.io.WriteToText(output)


if __name__ == "__main__":
    main()
