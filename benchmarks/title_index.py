"""Measures the title index: time, memory and disk of building an index and of looking up titles.

    python -m benchmarks.title_index --titles 500000 5000000

Titles are invented: words of seven scripts, of realistic length; 60% of them are redirects, and one redirect in 100
leads to an arbitrary title, mostly another redirect. They are read from Parquet, as in a run. Each measurement runs in
a separate process; the result is a table in Markdown.
"""

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from mlukit.corpus.dumps.mediawiki_tables import PageItem
from mlukit.corpus.linking.build_title_index import build_title_index
from mlukit.corpus.linking.title_index import TitleIndex
from mlukit.schemas.arrow import PAGE_TITLE_ROWS, PAGE_TITLES
from mlukit.schemas.records import PageTitle

REDIRECTS = 0.6
WITH_ITEM = 0.97  # of articles
LOOKUPS = 2_000_000
SHARD_ROWS = 40_000  # as from 32 MiB of a dump
BATCH = 10_000  # links of some 256 articles
ALPHABETS = (
    *(["abcdefghijklmnoprstuvwy"] * 14),
    *("абвгдежзиклмнопрстуфхцшыя", "ابتجحدرسشصطعفقكلمنهوي", "αβγδεζηθικλμνξοπρστυφχψω"),
    *("অআইকখগচজটডতদনপবমযরলসহ", "กขคงจชดตทนบปผพมยรลวสห", "一丁三上不世中京人今代会体作使来信倉元先入全公内写冬出分切"),
)


def title_of(number: int) -> str:
    """Makes the title with a number: one to four words and the number in letters, 22 characters on average."""
    source = random.Random(number)
    alphabet = ALPHABETS[source.randrange(len(ALPHABETS))]
    length = min(60, 6 + int(source.expovariate(1 / 11)))
    letters = "".join(source.choices(alphabet, k=length))
    words = " ".join(letters[i : i + 7] for i in range(0, length, 7))
    while number:
        number, digit = divmod(number, len(alphabet))
        words += alphabet[digit]
    return words[0].upper() + words[1:]


def is_article(number: int) -> bool:
    """Whether the title with a number is an article; two of five are."""
    return number % 5 < 5 * (1 - REDIRECTS)


def target_of(number: int, titles: int) -> str:
    """The target of a redirect: an article, or one time in 100 an arbitrary title."""
    target = number * 2_654_435_761 % titles
    return title_of(target if number % 100 == 99 else target - target % 5)


def pages(titles: int) -> Iterator[PageTitle]:
    """The pages of the wiki, in random order of their ids."""
    for number in range(titles):
        redirect = None if is_article(number) else target_of(number, titles)
        yield PageTitle(number * 7919 % 80_000_023, title_of(number), redirect)


def items(titles: int) -> Iterator[PageItem]:
    """The items of pages, as in page_props."""
    for number in range(titles):
        if is_article(number) and number * 2_654_435_761 % 100 < 100 * WITH_ITEM:
            yield PageItem(number * 7919 % 80_000_023, 1 + number * 15_485_863 % 130_000_007)


def peak_mb() -> float:
    """The peak memory of this process in MB, including mapped files."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def make_up(directory: Path, titles: int) -> dict[str, float]:
    """Writes the pages of a wiki beside its index as the parse phase does: in shards."""
    shards, source = shards_of(directory), pages(titles)
    shards.mkdir()
    while batch := list(islice(source, SHARD_ROWS)):
        path = shards / f"{batch[0].page_id}.parquet"
        with pq.ParquetWriter(path, PAGE_TITLES, compression="zstd") as writer:
            writer.write_batch(PAGE_TITLE_ROWS.to_batch(batch))
    return {}


def shards_of(directory: Path) -> Path:
    """The folder with the input of an index."""
    return directory.with_name("titles")


def read_pages(shards: Path) -> Iterator[PageTitle]:
    """The pages that were made up."""
    for path in sorted(shards.iterdir()):
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(BATCH, use_threads=False):
                yield from PAGE_TITLE_ROWS.to_records(batch)


def measure_build(directory: Path, titles: int) -> dict[str, float]:
    """Measures the CPU seconds to build the index, including reading the pages."""
    start = time.process_time()
    build_title_index(directory, read_pages(shards_of(directory)), items_by_page={"page_props": items(titles)})
    seconds = time.process_time() - start
    size = sum(path.stat().st_size for path in directory.iterdir())
    return {
        "build seconds": seconds,
        "build titles a second": titles / seconds,
        "bytes": size,
        "build peak MB": peak_mb(),
    }


def asked_for(titles: int, seed: int) -> list[str]:
    """Link targets: popular pages more often; one of seven does not exist."""
    source = random.Random(seed)
    wanted = [title_of(int(titles * source.random() ** 2)) for _ in range(LOOKUPS)]
    return [title + " (red)" if i % 7 == 0 else title for i, title in enumerate(wanted)]


def memory_mb() -> dict[str, float]:
    """The memory of this process from /proc: mapped files, which all workers of a machine share, and private memory."""
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()[1:]
    sizes = {name: int(rest.split()[0]) / 1024 for name, rest in (line.split(":") for line in lines)}
    return {"mapped MB": sizes["Rss"] - sizes["Anonymous"], "own MB": sizes["Anonymous"]}


def measure_lookup(directory: Path, titles: int) -> dict[str, float]:
    """Measures titles per second of CPU with the index in the page cache, and the memory after 2 million lookups."""
    wanted = asked_for(titles, 1)
    before = memory_mb()
    start = time.process_time()
    index = TitleIndex.open(directory)
    opened = time.process_time() - start
    look_up(index, wanted)
    start = time.process_time()
    look_up(index, wanted)
    rate = LOOKUPS / (time.process_time() - start)
    start = time.process_time()
    qids = np.random.default_rng(1).choice(index.item_qids, 1_000_000)
    for at in range(0, len(qids), BATCH):
        index.titles_of(qids[at : at + BATCH])
    names = len(qids) / (time.process_time() - start)
    after = memory_mb()
    grown = {f"{name} more": after[name] - before[name] for name in after}
    return {"open ms": 1000 * opened, "lookups a second": rate, "titles_of a second": names, **grown}


def look_up(index: TitleIndex, wanted: list[str]) -> None:
    """Looks up titles in batches, as `corpus.linking.resolve_links` does."""
    for at in range(0, len(wanted), BATCH):
        index.find(wanted[at : at + BATCH])


MEASUREMENTS: dict[str, Callable[[Path, int], dict[str, float]]] = {
    "make up": make_up,
    "build": measure_build,
    "lookup": measure_lookup,
}


def run_aside(measurement: str, directory: Path, titles: int) -> subprocess.Popen[bytes]:
    """Starts a measurement in a separate process."""
    options = ["--measure", measurement, "--directory", str(directory), "--titles", str(titles)]
    command = [sys.executable, "-m", "benchmarks.title_index", *options]
    return subprocess.Popen(command, stdout=subprocess.PIPE)


def result_of(process: subprocess.Popen[bytes]) -> dict[str, float]:
    """The result that a measurement printed."""
    output, _ = process.communicate()
    if process.returncode:
        raise SystemExit(f"a measurement ended with {process.returncode}")
    return dict(json.loads(output))


def measure(titles: int) -> dict[str, float]:
    """Measures building, then lookup in two processes at the same time, which shows the shared memory."""
    with tempfile.TemporaryDirectory() as folder:
        result_of(run_aside("make up", Path(folder) / "index", titles))
        built = result_of(run_aside("build", Path(folder) / "index", titles))
        workers = [run_aside("lookup", Path(folder) / "index", titles) for _ in range(2)]
        looked_up, _ = [result_of(worker) for worker in workers]
    return {"titles": titles, **built, "bytes a title": built["bytes"] / titles, **looked_up}


def main() -> None:
    """Prints the table, or one measurement as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--titles", type=int, nargs="+", default=[500_000, 5_000_000], metavar="N")
    parser.add_argument("--measure", choices=MEASUREMENTS, help=argparse.SUPPRESS)
    parser.add_argument("--directory", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(MEASUREMENTS[options.measure](options.directory, options.titles[0])))
        return
    columns = [measure(titles) for titles in options.titles]
    print("\n".join(f"| {name} | " + " | ".join(f"{c[name]:,.1f}" for c in columns) + " |" for name in columns[0]))


if __name__ == "__main__":
    main()
