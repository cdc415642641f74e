"""What the title index costs: time, memory and disk of building it and of looking titles up in it.

    python -m benchmarks.title_index --titles 500000 5000000

Titles are made up: words of seven scripts, as long as titles are, 60 % of them redirects, one redirect in 100 leading
to whatever comes, mostly another redirect. They are read from Parquet, as in a run. Each measurement runs in a process
of its own; the result is a table in Markdown.
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
SHARD_ROWS = 40_000  # 32 MiB of a dump
BATCH = 10_000  # links of some 256 articles
ALPHABETS = (
    *(["abcdefghijklmnoprstuvwy"] * 14),
    *("абвгдежзиклмнопрстуфхцшыя", "ابتجحدرسشصطعفقكلمنهوي", "αβγδεζηθικλμνξοπρστυφχψω"),
    *("অআইকখগচজটডতদনপবমযরলসহ", "กขคงจชดตทนบปผพมยรลวสห", "一丁三上不世中京人今代会体作使来信倉元先入全公内写冬出分切"),
)


def title_of(number: int) -> str:
    """The same title for the same number: one to four words and the number in letters, 22 characters on average."""
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
    """Two of five are."""
    return number % 5 < 5 * (1 - REDIRECTS)


def target_of(number: int, titles: int) -> str:
    """Where a redirect leads: to an article, one time in 100 to whatever comes."""
    target = number * 2_654_435_761 % titles
    return title_of(target if number % 100 == 99 else target - target % 5)


def pages(titles: int) -> Iterator[PageTitle]:
    """The pages of the wiki; their ids are not in the order of anything."""
    for number in range(titles):
        redirect = None if is_article(number) else target_of(number, titles)
        yield PageTitle(number * 7919 % 80_000_023, title_of(number), redirect)


def items(titles: int) -> Iterator[PageItem]:
    """page_props."""
    for number in range(titles):
        if is_article(number) and number * 2_654_435_761 % 100 < 100 * WITH_ITEM:
            yield PageItem(number * 7919 % 80_000_023, 1 + number * 15_485_863 % 130_000_007)


def peak_mb() -> float:
    """The most memory that this process had, in MB; pages of files that it mapped included."""
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
    """Seconds of CPU to build, reading the pages included."""
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
    """Link targets: popular pages more often, one in seven red."""
    source = random.Random(seed)
    wanted = [title_of(int(titles * source.random() ** 2)) for _ in range(LOOKUPS)]
    return [title + " (red)" if i % 7 == 0 else title for i, title in enumerate(wanted)]


def memory_mb() -> dict[str, float]:
    """This process's memory by /proc: files mapped, which all workers of a machine share, and its own."""
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()[1:]
    sizes = {name: int(rest.split()[0]) / 1024 for name, rest in (line.split(":") for line in lines)}
    return {"mapped MB": sizes["Rss"] - sizes["Anonymous"], "own MB": sizes["Anonymous"]}


def measure_lookup(directory: Path, titles: int) -> dict[str, float]:
    """Titles a second of CPU, once the index is in the page cache; memory after 2 million lookups."""
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
    """In the batches of `corpus.linking.resolve_links`."""
    for at in range(0, len(wanted), BATCH):
        index.find(wanted[at : at + BATCH])


MEASUREMENTS: dict[str, Callable[[Path, int], dict[str, float]]] = {
    "make up": make_up,
    "build": measure_build,
    "lookup": measure_lookup,
}


def run_aside(measurement: str, directory: Path, titles: int) -> subprocess.Popen[bytes]:
    """Starts a measurement in a process of its own."""
    options = ["--measure", measurement, "--directory", str(directory), "--titles", str(titles)]
    command = [sys.executable, "-m", "benchmarks.title_index", *options]
    return subprocess.Popen(command, stdout=subprocess.PIPE)


def result_of(process: subprocess.Popen[bytes]) -> dict[str, float]:
    """What a measurement printed."""
    output, _ = process.communicate()
    if process.returncode:
        raise SystemExit(f"a measurement ended with {process.returncode}")
    return dict(json.loads(output))


def measure(titles: int) -> dict[str, float]:
    """Builds, then looks up in two processes at once, so that shared memory shows."""
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
