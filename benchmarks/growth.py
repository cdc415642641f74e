"""Measures whether memory and speed are independent of the size: builds from dumps of growing size.

The dumps repeat the pages of a real dump under new titles and ids. Link targets are renamed in the same way, and every
title has its own item, so titles, entities and anchors grow in proportion to the dump.

usage: python benchmarks/growth.py DUMP.xml.bz2 [--sizes 0.1,1,10] [--language en] [--work DIR]
           [--sentencepiece-model FILE]

Prints, for each size in GB of XML, the seconds of each stage, MB of XML per second for `link` and for all stages, and
the maximum memory of the launcher, of its child that runs Beam, and of a worker process: private memory, and all
resident memory. The difference is mapped files, mostly title indexes and match tables, which workers
share and the system can drop.
"""

import argparse
import bz2
import gzip
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import psutil

PAGE = re.compile(rb"<page>.*?</page>", re.S)
TITLE = re.compile(rb"(<title>)([^<]+)(</title>)")
PAGE_ID = re.compile(rb"(</title>(?:\s*<ns>\d+</ns>)?\s*<id>)(\d+)")
LINK = re.compile(rb"\[\[([^\[\]|#:<>{}\n]+)")
REDIRECT = re.compile(rb'(<redirect title=")([^"]+)')
STEP = 1 << 21  # between the page ids of two turns
TABLE = b"""CREATE TABLE `wb_items_per_site` (
  `ips_row_id` bigint(20) unsigned NOT NULL,
  `ips_item_id` int(10) unsigned NOT NULL,
  `ips_site_id` varbinary(32) NOT NULL,
  `ips_site_page` varbinary(310) NOT NULL
);
"""
COLUMNS = (
    *("XML GB", "bzip2 GB", "link s", "vocabulary s", "examples s", "mentions s"),
    *("link MB/s", "all MB/s", "launcher MB", "pipeline MB", "worker MB", "resident MB"),
)


@dataclass(frozen=True, slots=True)
class Measured:
    """Seconds of each stage, and peak bytes."""

    seconds: dict[str, float]
    launcher: float
    pipeline: float  # of the launcher's child
    worker: float
    resident: float  # of a worker, mapped files included


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dump", type=Path, help="a real dump, whose pages are used")
    parser.add_argument("--sizes", default="0.1,1,10", help="sizes of the dumps, in GB of XML")
    parser.add_argument("--language", default="en")
    parser.add_argument("--sentencepiece-model", help="a tokenizer (default: trains one of 8,000 pieces)")
    parser.add_argument("--work", type=Path, help="folder for dumps and output (default: a temporary folder)")
    asked = parser.parse_args()
    work = asked.work or Path(tempfile.mkdtemp(prefix="mlukit-growth-"))
    head, pages = read_pages(asked.dump)
    print(f"{len(pages)} pages of {asked.dump.name}; {psutil.cpu_count()} cores; two worker processes")
    print("| " + " | ".join(COLUMNS) + " |\n|" + " --- |" * len(COLUMNS))
    for size in map(float, asked.sizes.split(",")):
        dumps, output = work / f"dumps-{size}", work / f"out-{size}"
        xml, dump = make_dumps(dumps, asked.language, head, pages, int(size * 1e9))
        shutil.rmtree(output, ignore_errors=True)
        measured = measure(dumps, output, asked.language, asked.sentencepiece_model)
        print("| " + " | ".join(row(xml, dump.stat().st_size, measured)) + " |", flush=True)
        shutil.rmtree(output)
    if not asked.work:
        shutil.rmtree(work)


def row(xml: int, compressed: int, measured: Measured) -> list[str]:
    """The cells of a row, in the order of COLUMNS."""
    link, total = measured.seconds["link"], sum(measured.seconds.values())
    sizes = [f"{xml / 1e9:.2f}", f"{compressed / 1e9:.2f}"]
    speeds = [f"{xml / 1e6 / link:.1f}", f"{xml / 1e6 / total:.1f}"]
    peaks = [f"{peak / 1e6:.0f}" for peak in (measured.launcher, measured.pipeline, measured.worker, measured.resident)]
    return [*sizes, *(f"{seconds:.0f}" for seconds in measured.seconds.values()), *speeds, *peaks]


def read_pages(dump: Path) -> tuple[bytes, list[bytes]]:
    """The XML before the first page, and the pages."""
    data = bz2.decompress(dump.read_bytes())
    return data[: data.index(b"<page>")], PAGE.findall(data)


def make_dumps(folder: Path, language: str, head: bytes, pages: list[bytes], size: int) -> tuple[int, Path]:
    """Makes a dump of about `size` bytes of XML and a table of items, unless they exist; returns XML bytes and path."""
    dump, length = folder / f"{language}wiki-20260901-pages-articles.xml.bz2", folder / "bytes"
    if not dump.exists():
        folder.mkdir(parents=True, exist_ok=True)
        titles = sorted({title for page in pages for title in titles_in(page)})
        aside, written, turn = dump.with_suffix(".tmp"), 0, 0
        with (
            aside.open("wb") as out,
            gzip.open(folder / "wikidatawiki-20260901-wb_items_per_site.sql.gz", "wb", 1) as table,
        ):
            out.write(bz2.compress(head))
            table.write(TABLE)
            for xml, compressed in compressed_turns(pages, size):
                out.write(compressed)
                table.write(sitelinks(language, titles, turn))
                written, turn = written + xml, turn + 1
            out.write(bz2.compress(b"</mediawiki>\n"))
        length.write_text(str(written))
        aside.rename(dump)
    return int(length.read_text()), dump


def compressed_turns(pages: list[bytes], size: int) -> Iterator[tuple[int, bytes]]:
    """Yields the pages of each repetition as a bzip2 stream, with their bytes of XML, until the sum is `size`."""
    at_once = os.cpu_count() or 1
    turn = 0
    with ProcessPoolExecutor(at_once) as pool:
        while size > 0:
            plain = [b"\n".join(renamed(page, turn + n) for page in pages) for n in range(at_once)]
            for xml, compressed in zip(plain, pool.map(bz2.compress, plain), strict=True):
                if size > 0:
                    yield len(xml), compressed
                size -= len(xml)
            turn += at_once


def titles_in(page: bytes) -> list[bytes]:
    """The title of a page, if it is an article, and the titles in its links, not all of which exist, as in a dump."""
    own = [m[2] for m in TITLE.finditer(page)] if b"<redirect" not in page else []
    names = [m[1].strip().replace(b"_", b" ") for m in LINK.finditer(page)]
    return own + [name[:1].upper() + name[1:] for name in names if name and b"&" not in name]


def sitelinks(language: str, titles: list[bytes], turn: int) -> bytes:
    """An INSERT statement with a unique item for every title of a repetition."""
    quoted = (title.replace(b"\\", b"\\\\").replace(b"'", b"\\'") for title in titles)
    first = turn * len(titles) + 1
    rows = (
        b"(%d,%d,'%swiki','%s (%d)')" % (n, n, language.encode(), title, turn) for n, title in enumerate(quoted, first)
    )
    return b"INSERT INTO `wb_items_per_site` VALUES " + b",".join(rows) + b";\n"


def renamed(page: bytes, turn: int) -> bytes:
    """The page with the title, id and link targets of a repetition."""
    mark = b" (%d)" % turn
    page = TITLE.sub(lambda m: m[1] + m[2] + mark + m[3], page, count=1)
    page = PAGE_ID.sub(lambda m: m[1] + b"%d" % (int(m[2]) % STEP + turn * STEP), page, count=1)
    page = REDIRECT.sub(lambda m: m[1] + m[2] + mark, page, count=1)
    return LINK.sub(lambda m: b"[[" + m[1].rstrip() + mark, page)


def measure(dumps: Path, output: Path, language: str, model: str | None) -> Measured:
    """Runs the build, with the default --range-size."""
    tokenizer = ("--sentencepiece-model", model) if model else ("--train-sentencepiece", "8000")
    command = [
        *(sys.executable, "-m", "mlukit", "build", "--dumps", str(dumps), "--output", str(output)),
        *("--languages", language, *tokenizer, "--link-probability"),
        *("--direct_running_mode=multi_processing", "--direct_num_workers=2"),
    ]
    run = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    peaks = {"launcher": 0.0, "pipeline": 0.0, "worker": 0.0, "resident": 0.0}
    watcher = threading.Thread(target=watch, args=(run, peaks))
    watcher.start()
    status = run.wait()
    watcher.join()
    if status:
        raise SystemExit(f"{' '.join(command)} ended with status {status}")
    runs = json.loads((output / "run.json").read_text())["runs"]
    return Measured({entry["stage"]: entry["wall_seconds"] for entry in runs}, **peaks)


def watch(run: subprocess.Popen[bytes], peaks: dict[str, float]) -> None:
    """Reads the memory of the processes of a run ten times a second."""
    while run.poll() is None:
        try:
            launcher = psutil.Process(run.pid)
            peaks["launcher"] = max(peaks["launcher"], own_memory(launcher))
            for child in launcher.children():
                peaks["pipeline"] = max(peaks["pipeline"], own_memory(child))
                for worker in child.children():
                    peaks["worker"] = max(peaks["worker"], own_memory(worker))
                    peaks["resident"] = max(peaks["resident"], worker.memory_info().rss)
        except psutil.Error:
            pass  # it has just ended
        time.sleep(0.1)


def own_memory(process: psutil.Process) -> int:
    """Resident bytes without mapped files."""
    memory = process.memory_info()
    return int(memory.rss - memory.shared)


if __name__ == "__main__":
    main()
