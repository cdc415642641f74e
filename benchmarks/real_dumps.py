"""Builds each of several real dumps separately, and prints a table of results, speed and memory.

usage: python benchmarks/real_dumps.py --tables DIR --model FILE LANGUAGE=DUMP [LANGUAGE=DUMP ...]

`--tables` is a folder with Wikidata's wb_items_per_site, or with page_props of the dumps. Each dump is built in one
process (`--direct_running_mode=in_memory`). MB/s is XML bytes divided by the CPU seconds of that process, without the
seconds that `mlukit build --help` takes, for `link` alone and for the whole build; reading the tables is included. The
memory is the peak of the process.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from mlukit.schemas.summaries import MadeExamples, ParsedText, summary_in

COLUMNS = (
    *("dump", "pages", "articles", "links", "resolved", "failures", "examples"),
    *("link MB/s", "build MB/s", "peak MB"),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dumps", nargs="+", metavar="LANGUAGE=DUMP")
    parser.add_argument("--tables", required=True, help="folder of SQL tables")
    parser.add_argument("--model", required=True, help="SentencePiece model")
    asked = parser.parse_args()
    print("| " + " | ".join(COLUMNS) + " |\n|" + " --- |" * len(COLUMNS))
    for dump in asked.dumps:
        with tempfile.TemporaryDirectory(prefix="mlukit-real-") as folder:
            print("| " + " | ".join(build(dump, asked.tables, asked.model, Path(folder) / "out")) + " |", flush=True)


def build(dump: str, tables: str, model: str, output: Path) -> list[str]:
    """Builds a dump, and returns the cells of its row."""
    language, _, path = dump.partition("=")
    link = ["link", "--dumps", tables, "--dump", dump, "--languages", language, "--allow-damaged"]
    stages = [link, ["vocabulary"], ["examples", "--sentencepiece-model", model]]
    start, _ = run(["build", "--help"])
    seconds, peaks = [], []
    for stage in stages:
        cpu, peak = run([*stage, "--output", str(output), "--direct_running_mode=in_memory"])
        seconds.append(cpu - start)
        peaks.append(peak)
    totals = json.loads((output / "link.json").read_text())["languages"][language]
    made = json.loads((output / "examples.json").read_text())["languages"][language]
    pages, links, items = (totals["flows"][name] for name in ("pages", "links", "links with item"))
    failed = {**pages["failed"], **{k: n for k, n in totals["counts"].items() if k.startswith("damage")}}
    megabytes = summary_in(totals, ParsedText).xml_bytes / 1e6
    shutil.rmtree(output)
    return [
        f"{language} {Path(path).name}",
        f"{pages['in']:,}",
        f"{pages['out']:,}",
        f"{links['out']:,}",
        f"{items['out'] / max(items['in'], 1):.1%}",
        ", ".join(f"{reason} {n}" for reason, n in sorted(failed.items())) or "none",
        f"{summary_in(made, MadeExamples).total:,}",
        f"{megabytes / seconds[0]:.1f}",
        f"{megabytes / sum(seconds):.1f}",
        f"{max(peaks) / 1e6:.0f}",
    ]


def run(words: list[str]) -> tuple[float, float]:
    """Runs a command, and returns its CPU seconds and peak resident bytes."""
    process = subprocess.Popen(
        [sys.executable, "-m", "mlukit", *words], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    said = process.stderr.read() if process.stderr else b""
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"mlukit {' '.join(words)} failed:\n{said.decode()}")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024.0


if __name__ == "__main__":
    main()
