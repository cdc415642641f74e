"""Compares mlukit with other programs, from a dump to training examples: wall time, CPU and memory, in one run.

The dump repeats the pages of a real dump under new titles, as in benchmarks/growth.py. Every job has two worker
processes.

    mlukit          the whole `mlukit build`: sitelinks, redirects, entity vocabulary, mention dictionary, examples in
                    Parquet and TFRecord, checksums
    LUKE's chain    wikipedia2vec's `build-dump-db`, then LUKE's `build-entity-vocab` and
                    `build-wikipedia-pretraining-dataset`, for one wiki, without Wikidata items and mention dictionary;
                    gets the titles of all link targets, so that it has the same number of entities
    wikipedia2vec   only `build-dump-db`: text and links of each page, in a database
    HF wikipedia    the Beam job of the data set `wikipedia`, which cleans pages by mwparserfromhell: only text

usage: python benchmarks/dump_to_examples.py DUMP.xml.bz2 --model sentencepiece.bpe.model --luke DIR --peers DIR
           [--size 0.125] [--language en] [--work DIR]

`--luke` is a checkout of studio-ousia/luke; `--peers` a virtual environment with wikipedia2vec 2.0.0, transformers
4.57.6 (its slow XLM-R tokenizer, which LUKE asks for), tensorflow-cpu, tf-keras, torch, click, ujson, joblib,
sentencepiece, protobuf, PyICU, setuptools 75.8.0, apache-beam 2.77.0, mwparserfromhell.

CPU is the time of all processes of a job, read five times a second. Peak MB is the maximum of the sum of their memory,
with shared memory counted once (PSS), and of the largest process (RSS). MB/s is XML per second of wall time. `times` is
the time of a job divided by the time of mlukit.
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
    """Seconds and peak bytes of commands."""

    wall: float
    cpu: float
    together: float
    largest: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dump", type=Path, help="a real dump, whose pages are used")
    parser.add_argument("--model", type=Path, required=True, help="XLM-R's sentencepiece.bpe.model")
    parser.add_argument("--luke", type=Path, required=True, help="checkout of studio-ousia/luke")
    parser.add_argument("--peers", type=Path, required=True, help="virtual environment of the peers")
    parser.add_argument("--size", type=float, default=0.125, help="size of the dump, in GB of XML")
    parser.add_argument("--language", default="en")
    parser.add_argument("--work", type=Path, help="folder for dump and output (default: a temporary folder)")
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
    """The commands of each job; every job begins in a clean folder."""
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
    """Writes all link targets, one a line: LUKE otherwise counts only pages of the dump, and few targets are pages."""
    (table,) = dumps.glob("wikidatawiki-*.sql.gz")
    with gzip.open(table) as rows, file.open("wb") as out:
        for row in rows:
            for title in re.findall(rb"wiki','((?:[^'\\]|\\.)*)'\)", row):
                out.write(re.sub(rb"\\(.)", rb"\1", title) + b"\n")
    return file


def mlukit(asked: argparse.Namespace, dump: Path, output: Path) -> list[str]:
    """The command of mlukit, with one language, so that entities need links from only one language."""
    return [
        *(sys.executable, "-m", "mlukit", "build", "--dumps", str(dump.parent), "--output", str(output)),
        *("--languages", asked.language, "--sentencepiece-model", str(asked.model)),
        *("--direct_running_mode=multi_processing", f"--direct_num_workers={WORKERS}"),
    ]


def write_tokenizer(model: Path, folder: Path) -> Path:
    """Writes a folder that transformers loads as XLM-R's tokenizer."""
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
    """Reads memory and CPU time of the processes of a run five times a second."""
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
