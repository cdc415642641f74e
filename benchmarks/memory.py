"""Does memory stay flat? Builds from dumps of growing size and prints the peak memory of each process.

The dumps are made of the pages of a real one, over and over under new titles and ids, with new targets in their links
in proportion, each with an item of its own, so that titles, entities and anchors grow with the dump.

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
STEP = 1 << 21  # between the page ids of two turns
TABLE = b"""CREATE TABLE `wb_items_per_site` (
  `ips_row_id` bigint(20) unsigned NOT NULL,
  `ips_item_id` int(10) unsigned NOT NULL,
  `ips_site_id` varbinary(32) NOT NULL,
  `ips_site_page` varbinary(310) NOT NULL
);
"""


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
    """A plain XML dump of about `size` bytes and a table of items; nothing where they lie there already."""
    dump = folder / f"{language}wiki-20260901-pages-articles.xml"
    if dump.exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    aside = dump.with_suffix(".tmp")
    titles = sorted({title for page in pages for title in titles_in(page)})
    with (
        aside.open("wb") as out,
        gzip.open(folder / "wikidatawiki-20260901-wb_items_per_site.sql.gz", "wb", 1) as table,
    ):
        out.write(head)
        table.write(TABLE)
        turn = 0
        while out.tell() < size:
            out.write(b"\n".join(renamed(page, turn) for page in pages))
            table.write(sitelinks(language, titles, turn))
            turn += 1
        out.write(b"</mediawiki>\n")
    aside.rename(dump)


def titles_in(page: bytes) -> list[bytes]:
    """The page's own title, if it is an article, and those that its links name; not all are pages, as in a dump."""
    own = [m[2] for m in TITLE.finditer(page)] if b"<redirect" not in page else []
    names = [m[1].strip().replace(b"_", b" ") for m in LINK.finditer(page)]
    return own + [name[:1].upper() + name[1:] for name in names if name and b"&" not in name]


def sitelinks(language: str, titles: list[bytes], turn: int) -> bytes:
    """An INSERT with an item of its own for every title of a turn."""
    quoted = (title.replace(b"\\", b"\\\\").replace(b"'", b"\\'") for title in titles)
    first = turn * len(titles) + 1
    rows = (
        b"(%d,%d,'%swiki','%s (%d)')" % (n, n, language.encode(), title, turn) for n, title in enumerate(quoted, first)
    )
    return b"INSERT INTO `wb_items_per_site` VALUES " + b",".join(rows) + b";\n"


def renamed(page: bytes, turn: int) -> bytes:
    """The page under a title, an id and with targets of this turn's own."""
    mark = b" (%d)" % turn
    page = TITLE.sub(lambda m: m[1] + m[2] + mark + m[3], page, count=1)
    page = PAGE_ID.sub(lambda m: m[1] + b"%d" % (int(m[2]) % STEP + turn * STEP), page, count=1)
    page = REDIRECT.sub(lambda m: m[1] + m[2] + mark, page, count=1)
    return LINK.sub(lambda m: b"[[" + m[1].rstrip() + mark, page)


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
