"""From a dump to training examples, beside what people have today: wall time, CPU, memory, in one run.

The dump is made of the pages of a real one, over and over under new titles, as benchmarks/growth.py makes it. Every job
gets two worker processes.

    mlukit          `mlukit build`, all of it: sitelinks, redirects, entity vocabulary, mention dictionary, examples in
                    Parquet and TFRecord, checksums
    LUKE's chain    wikipedia2vec's `build-dump-db`, then LUKE's `build-entity-vocab` and
                    `build-wikipedia-pretraining-dataset`, one wiki: no Wikidata items, no mention dictionary; it is
                    given the titles that are linked, so that it has as many entities
    wikipedia2vec   its `build-dump-db` alone: text and links of each page, in a database
    HF wikipedia    the job of the data set `wikipedia` on Beam, its cleaning by mwparserfromhell: text only

usage: python benchmarks/dump_to_examples.py DUMP.xml.bz2 --model sentencepiece.bpe.model --luke DIR --peers DIR
           [--size 0.125] [--language en] [--work DIR]

`--luke` is a checkout of studio-ousia/luke; `--peers` a virtual environment with wikipedia2vec 2.0.0, transformers
4.57.6 (its slow XLM-R tokenizer, which LUKE asks for), tensorflow-cpu, tf-keras, torch, click, ujson, joblib,
sentencepiece, protobuf, PyICU, setuptools 75.8.0, apache-beam 2.77.0, mwparserfromhell.

CPU is that of all processes of a job, read five times a second; peak MB the largest sum of their resident memory, less
what they share (PSS), and the largest single process (RSS). MB/s is of XML by wall time; `times` how many times as long
a job takes as mlukit.
"""

import argparse
import gzip
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil
from growth import make_dumps, read_pages

WORKERS = "2"
ROOT = Path(__file__).resolve().parents[1]
# LUKE's own command line imports DeepSpeed: its commands are called one by one
LUKE = "from luke.{module} import {command} as command; command()"


@dataclass(frozen=True, slots=True)
class Usage:
    """What commands took: seconds, and bytes at the worst moment."""

    wall: float
    cpu: float
    together: float
    largest: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dump", type=Path, help="a real dump to take pages from")
    parser.add_argument("--model", type=Path, required=True, help="XLM-R's sentencepiece.bpe.model")
    parser.add_argument("--luke", type=Path, required=True, help="checkout of studio-ousia/luke")
    parser.add_argument("--peers", type=Path, required=True, help="virtual environment of the peers")
    parser.add_argument("--size", type=float, default=0.125, help="GB of XML")
    parser.add_argument("--language", default="en")
    parser.add_argument("--work", type=Path, help="folder for dump and output (default: a temporary one)")
    asked = parser.parse_args()
    work = asked.work or Path(tempfile.mkdtemp(prefix="mlukit-jobs-"))
    size, dump = make_dumps(work / "dumps", asked.language, *read_pages(asked.dump), int(asked.size * 1e9))
    print(f"{size / 1e6:.0f} MB of XML, {dump.stat().st_size / 1e6:.1f} MB as bzip2; {WORKERS} worker processes")
    print("| job | wall s | CPU s | MB/s | peak MB, all | largest | times |\n|" + " --- |" * 7)
    first = None
    for name, commands in jobs(asked, dump, work).items():
        usage = [measure(command, asked.luke if name == "LUKE's chain" else ROOT) for command in commands]
        wall, cpu = sum(u.wall for u in usage), sum(u.cpu for u in usage)
        first = first or wall
        together, largest = max(u.together for u in usage), max(u.largest for u in usage)
        cells = [f"{wall:.0f}", f"{cpu:.0f}", f"{size / 1e6 / wall:.1f}", f"{together / 1e6:.0f}"]
        cells += [f"{largest / 1e6:.0f}", f"{wall / first:.1f}"]
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)
        if len(usage) > 1:
            print(f"|   of it | {' + '.join(f'{u.wall:.0f}' for u in usage)} |" + " |" * 5, flush=True)
    if not asked.work:
        shutil.rmtree(work)


def jobs(asked: argparse.Namespace, dump: Path, work: Path) -> dict[str, list[list[str]]]:
    """The commands of each job; every job begins without what another run left."""
    for name in ("out", "luke", "hf"):
        shutil.rmtree(work / name, ignore_errors=True)
        (work / name).mkdir(parents=True)
    python, luke = str(asked.peers / "bin/python"), work / "luke"
    tokenizer = write_tokenizer(asked.model, work / "tokenizer")
    database, vocabulary = str(luke / "dump.db"), str(luke / "vocabulary.jsonl")
    pool = ["--pool-size", WORKERS]
    dump_db = [str(asked.peers / "bin/wikipedia2vec"), "build-dump-db", *pool, str(dump)]
    count = [python, "-c", LUKE.format(module="utils.entity_vocab", command="build_entity_vocab"), database, vocabulary]
    count += ["--white-list", str(write_titles(dump.parent, luke / "titles"))]
    make = [
        python,
        "-c",
        LUKE.format(module="pretraining.dataset", command="build_wikipedia_pretraining_dataset"),
    ]
    make += [database, str(tokenizer), vocabulary, str(luke / "examples"), "--sentence-splitter", asked.language]
    hf = [python, str(ROOT / "benchmarks/huggingface_wikipedia.py"), str(dump), str(work / "hf/text"), WORKERS]
    return {
        "mlukit": [mlukit(asked, dump, work / "out")],
        "LUKE's chain": [[*dump_db, database], [*count, *pool], [*make, *pool]],
        "wikipedia2vec": [[*dump_db, str(luke / "again.db")]],
        "HF wikipedia": [hf],
    }


def write_titles(dumps: Path, file: Path) -> Path:
    """All linked titles, one a line: LUKE counts only pages of the dump otherwise, and here most targets are none."""
    (table,) = dumps.glob("wikidatawiki-*.sql.gz")
    with gzip.open(table) as rows, file.open("wb") as out:
        for row in rows:
            for title in re.findall(rb"wiki','((?:[^'\\]|\\.)*)'\)", row):
                out.write(re.sub(rb"\\(.)", rb"\1", title) + b"\n")
    return file


def mlukit(asked: argparse.Namespace, dump: Path, output: Path) -> list[str]:
    """Our own command; one language, so entities need no other one."""
    return [
        *(sys.executable, "-m", "mlukit", "build", "--dumps", str(dump.parent), "--output", str(output)),
        *("--languages", asked.language, "--sentencepiece-model", str(asked.model)),
        *("--direct_running_mode=multi_processing", f"--direct_num_workers={WORKERS}"),
    ]


def write_tokenizer(model: Path, folder: Path) -> Path:
    """A folder that transformers loads as XLM-R's tokenizer."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(model, folder / "sentencepiece.bpe.model")
    (folder / "config.json").write_text('{"model_type": "xlm-roberta"}\n')
    (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "XLMRobertaTokenizer"}\n')
    return folder


def measure(command: Sequence[str], folder: Path) -> Usage:
    """Runs a command in a folder."""
    paths = f"{folder}{os.pathsep}{ROOT / 'benchmarks'}"
    environment = {**os.environ, "PYTHONPATH": paths, "TF_CPP_MIN_LOG_LEVEL": "3", "HF_HUB_OFFLINE": "1"}
    start = time.monotonic()
    with tempfile.TemporaryFile() as said:
        run = subprocess.Popen(command, cwd=folder, env=environment, stdout=said, stderr=subprocess.STDOUT)
        peaks, cpu = [0.0, 0.0], dict[int, float]()
        watcher = threading.Thread(target=watch, args=(run, peaks, cpu))
        watcher.start()
        status = run.wait()
        watcher.join()
        if status:
            said.seek(max(said.tell() - 3000, 0))
            raise SystemExit(f"{' '.join(command)} ended with {status}:\n{said.read().decode(errors='replace')}")
    return Usage(time.monotonic() - start, sum(cpu.values()), *peaks)


def watch(run: subprocess.Popen[bytes], peaks: list[float], cpu: dict[int, float]) -> None:
    """Looks five times a second at what the processes of a run hold, and have taken so far."""
    while run.poll() is None:
        try:
            processes = [psutil.Process(run.pid), *psutil.Process(run.pid).children(recursive=True)]
            for process in processes:
                times = process.cpu_times()
                cpu[process.pid] = times.user + times.system
            held = [process.memory_full_info() for process in processes]
            peaks[0] = max(peaks[0], sum(memory.pss for memory in held))
            peaks[1] = max(peaks[1], *(memory.rss for memory in held))
        except psutil.Error:
            pass  # one has just ended
        time.sleep(0.2)


if __name__ == "__main__":
    main()
