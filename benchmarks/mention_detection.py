"""Measures the detection of anchors: megabytes of text (UTF-8) a second on one core, by language.

    mlukit build … --link-probability, then
    .venv/bin/python benchmarks/mention_detection.py OUT [--keys 60000000] [--languages en,ja]

`find` is all places of anchors; `count` adds what the mentions stage does with the places and the links. With --keys,
the tables have as many more random keys, as a complete Wikipedia has (30 million anchors and their beginnings), so
that the searches miss the caches of the processor as they do there. `dictionary` is the time to open the file of the
dictionary and to search the first sentence. Results: docs/results/mention-detection.md.
"""

import argparse
import io
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds

from mlukit.corpus.detection.anchor_entries import merge_entries
from mlukit.corpus.detection.array_file import ArrayFileWriter
from mlukit.corpus.detection.count_anchors import count_anchors
from mlukit.corpus.detection.find_anchors import AnchorFinder
from mlukit.corpus.detection.match_table import KIND, NOTHING, VERSION, Entries, MatchTable, write_match_table
from mlukit.corpus.detection.mention_table import MentionTable

_SECONDS = 3.0  # each measurement is repeated for so long


def main() -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path)
    parser.add_argument("--keys", type=int, default=0)
    parser.add_argument("--languages", default="")
    asked = parser.parse_args()
    folders = sorted(path.parent for path in asked.output.glob("mentions/*/_dictionary.arrays"))
    print("| language | text MB | anchors | keys | places | find MB/s | count MB/s | dictionary ms |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    with tempfile.TemporaryDirectory() as scratch:
        for folder in folders:
            if not asked.languages or folder.name in asked.languages.split(","):
                print(_row(folder, asked.output / "articles" / folder.name, asked.keys, Path(scratch)), flush=True)


def _row(folder: Path, articles: Path, keys: int, scratch: Path) -> str:
    rows = ds.dataset(articles, format="parquet", exclude_invalid_files=True).to_table().combine_chunks()
    texts = rows["text"].to_pylist()
    megabytes = sum(len(text.encode()) for text in texts) / 1e6
    began = time.process_time()
    dictionary = MentionTable.open(folder / "_dictionary.arrays")
    dictionary.find(texts[0][:100] if texts else "")
    opened = time.process_time() - began
    table = _with_keys(dictionary.match_table, keys, scratch / "table") if keys else dictionary.match_table
    finder = AnchorFinder(table, folder.name)
    groups = list(_groups(texts))
    places = sum(len(finder.find(group)) for group in groups)
    find = megabytes / _seconds(lambda: [finder.find(group) for group in groups])
    batches = rows.to_batches(max_chunksize=1000)
    count = megabytes / _seconds(
        lambda: count_anchors(batches, {"article", "list"}, finder, [len(table)], io.BytesIO())
    )
    numbers = (f"{megabytes:.1f}", f"{len(table):,}", f"{int((table.keys != 0).sum()):,}", f"{places:,}")
    return f"| {folder.name} | {' | '.join(numbers)} | {find:.1f} | {count:.1f} | {opened * 1000:.1f} |"


def _groups(texts: list[str]) -> Iterator[list[str]]:
    """The texts in groups of about a million characters, as the mentions stage searches them."""
    group: list[str] = []
    for text in texts:
        group.append(text)
        if sum(map(len, group)) > 1 << 20:
            yield group
            group = []
    yield group


def _seconds(work: object) -> float:
    """The shortest time of a call, on the processor: other programs may use the same core."""
    assert callable(work)
    times = []
    end = time.perf_counter() + _SECONDS
    while not times or time.perf_counter() < end:
        began = time.process_time()
        work()
        times.append(time.process_time() - began)
    return min(times)


def _with_keys(table: MatchTable, keys: int, path: Path) -> MatchTable:
    """A table with more keys, which no text has."""
    used = np.flatnonzero(table.keys)
    random = np.random.default_rng(1).integers(1, 1 << 64, keys, np.uint64)
    more: Entries = (random, np.full(keys, NOTHING, np.uint32))
    entries = merge_entries([(table.keys[used], table.values[used]), more])
    lengths = np.diff(table.offsets.astype(np.int64))
    with path.open("wb") as stream:
        writer = ArrayFileWriter(stream)
        facts = write_match_table(writer, lambda: [entries], len(entries[0]), lambda: [(lengths, table.heap)])
        writer.finish(KIND, VERSION, facts)
    return MatchTable.open(path)


if __name__ == "__main__":
    pa.set_cpu_count(1)
    main()
