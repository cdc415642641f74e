"""Does memory stay flat? Builds from dumps of growing size and prints the peak memory of each process.

The dumps are made of the pages of a real one, over and over under new titles and ids, with new targets in their links
in proportion, so that titles, entities and anchors grow with the dump as they do in a larger Wikipedia.

usage: python benchmarks/memory.py DUMP.xml.bz2 [--sizes 0.2,2] [--language en] [--work DIR]

Prints, for each size in GB of XML, the largest resident memory of the launcher and of a worker process, what they
share of it counted in each, and the ratio to the first size.
"""

import argparse
import bz2
import gzip
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil

PAGE = re.compile(rb"<page>.*?</page>", re.S)
TITLE = re.compile(rb"(<title>)([^<]+)(</title>)")
PAGE_ID = re.compile(rb"(</title>(?:\s*<ns>\d+</ns>)?\s*<id>)(\d+)")
LINK = re.compile(rb"\[\[([^\[\]|#:<>{}\n]+)")
REDIRECT = re.compile(rb'(<redirect title=")([^"]+)')
STEP = 1 << 21  # between the page ids of two rounds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dump", type=Path, help="a real dump to take pages from")
    parser.add_argument("--sizes", default="0.2,2", help="GB of XML, the first is the yardstick")
    parser.add_argument("--language", default="en")
    parser.add_argument("--work", type=Path, help="folder for dumps and output (default: a temporary one)")
    asked = parser.parse_args()
    work = asked.work or Path(tempfile.mkdtemp(prefix="mlukit-memory-"))
    work.mkdir(parents=True, exist_ok=True)
    head, pages = read_pages(asked.dump)
    print(f"{len(pages)} pages of {asked.dump.name}; {psutil.cpu_count()} cores; two worker processes")
    print("XML GB   wall s  MB/s   launcher MB   worker MB   ratio of the worker's")
    first = 0.0
    for size in map(float, asked.sizes.split(",")):
        dumps, output = work / f"dumps-{size}", work / f"out-{size}"
        make_dumps(dumps, asked.language, head, pages, int(size * 1e9))
        shutil.rmtree(output, ignore_errors=True)
        seconds, launcher, worker = measure(dumps, output, asked.language)
        first = first or worker
        print(
            f"{size:6.2f} {seconds:8.0f} {size * 1e3 / seconds:5.1f} {launcher / 1e6:13.0f} {worker / 1e6:11.0f}"
            f" {worker / first:10.2f}",
            flush=True,
        )
    if not asked.work:
        shutil.rmtree(work)


def read_pages(dump: Path) -> tuple[bytes, list[bytes]]:
    """The XML before the first page, and the pages."""
    data = bz2.decompress(dump.read_bytes())
    return data[: data.index(b"<page>")], PAGE.findall(data)


def make_dumps(folder: Path, language: str, head: bytes, pages: list[bytes], size: int) -> None:
    """A plain XML dump of about `size` bytes and its page_props; nothing where they lie there already."""
    dump = folder / f"{language}wiki-20260901-pages-articles.xml"
    if dump.exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    aside = dump.with_suffix(".tmp")
    with aside.open("wb") as out, gzip.open(folder / f"{language}wiki-20260901-page_props.sql.gz", "wb") as props:
        out.write(head)
        props.write(
            b"CREATE TABLE `page_props` (\n `pp_page` int(11),\n `pp_propname` varbinary(60),\n `pp_value` blob\n);\n"
        )
        turn = 0
        while out.tell() < size:
            written = [renamed(page, turn) for page in pages]
            out.write(b"\n".join(written))
            rows = [f"({page},'wikibase_item','Q{page}')" for page in filter(None, map(page_id, written))]
            props.write(f"INSERT INTO `page_props` VALUES {','.join(rows)};\n".encode())
            turn += 1
        out.write(b"</mediawiki>\n")
    aside.rename(dump)


def renamed(page: bytes, turn: int) -> bytes:
    """The page under a title, an id and with targets of this turn's own."""
    mark = b" (%d)" % turn
    page = TITLE.sub(lambda m: m[1] + m[2] + mark + m[3], page, count=1)
    page = PAGE_ID.sub(lambda m: m[1] + b"%d" % (int(m[2]) % STEP + turn * STEP), page, count=1)
    page = REDIRECT.sub(lambda m: m[1] + m[2] + mark, page, count=1)
    return LINK.sub(lambda m: b"[[" + m[1].rstrip() + mark, page)


def page_id(page: bytes) -> int | None:
    """The id of an article; None for other pages."""
    found = PAGE_ID.search(page)
    return int(found[2]) if found and b"<redirect" not in page else None


def measure(dumps: Path, output: Path, language: str) -> tuple[float, float, float]:
    """Seconds, and the peak resident bytes of the launcher and of a worker."""
    command = [
        *(sys.executable, "-m", "mlukit", "build", "--dumps", str(dumps), "--output", str(output)),
        *("--languages", language, "--train-sentencepiece", "8000", "--range-size", "32MiB"),
        *("--direct_running_mode=multi_processing", "--direct_num_workers=2"),
    ]
    start = time.monotonic()
    run = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    peaks = {"launcher": 0.0, "worker": 0.0}
    watcher = threading.Thread(target=watch, args=(run, peaks))
    watcher.start()
    status = run.wait()
    watcher.join()
    if status:
        raise SystemExit(f"mlukit build ended with status {status}")
    return time.monotonic() - start, peaks["launcher"], peaks["worker"]


def watch(run: subprocess.Popen[bytes], peaks: dict[str, float]) -> None:
    """Looks ten times a second at what the processes of a run hold."""
    while run.poll() is None:
        try:
            launcher = psutil.Process(run.pid)
            peaks["launcher"] = max(peaks["launcher"], launcher.memory_info().rss)
            for worker in launcher.children(recursive=True):
                peaks["worker"] = max(peaks["worker"], worker.memory_info().rss)
        except psutil.Error:
            pass  # it has just ended
        time.sleep(0.1)


if __name__ == "__main__":
    main()
