"""What a build has on disk, for each byte of the dumps' XML: the factors of `pipelines/preparation/estimate.py`.

usage: python benchmarks/disk.py --tables DIR --model FILE LANGUAGE=DUMP [LANGUAGE=DUMP ...]

Builds each dump by itself, in one format of articles and one of examples, and looks at the output folder ten times a
second. A row has the bytes that each part of OUT has at the end, the most that lay under OUT/_work, and the most that
OUT had in all, each divided by the bytes of XML; and that most in MB beside what `--dry-run` would expect.
"""

import argparse
import json
import os
import shlex
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from mlukit.pipelines.preparation.estimate import disk_bytes, xml_of
from mlukit.schemas.summaries import ParsedText, summary_in

PARTS = ("articles", "index", "vocabulary", "mentions", "examples", "other")
COLUMNS = ("dump", "file MB", "XML ÷ file", *PARTS, "most in _work", "most in all", "most MB", "expected MB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dumps", nargs="+", metavar="LANGUAGE=DUMP")
    parser.add_argument("--tables", required=True, help="folder of SQL tables")
    parser.add_argument("--model", required=True, help="SentencePiece model")
    asked = parser.parse_args()
    print("| " + " | ".join(COLUMNS) + " |\n|" + " --- |" * len(COLUMNS))
    for dump in asked.dumps:
        with tempfile.TemporaryDirectory(prefix="mlukit-disk-") as folder:
            print("| " + " | ".join(measure(dump, asked.tables, asked.model, Path(folder) / "out")) + " |", flush=True)


def measure(dump: str, tables: str, model: str, output: Path) -> list[str]:
    """The cells of a dump's row."""
    language, _, path = dump.partition("=")
    flags = f"--dumps {tables} --dump {dump} --languages {language} --allow-damaged --foreign-header --format parquet"
    flags += f" --articles-format parquet --sentencepiece-model {model} --output {output} -q --workers 2"
    running = subprocess.Popen([sys.executable, "-m", "mlukit", "build", *shlex.split(flags)])
    most_work = most = 0
    while running.poll() is None:
        sizes = part_sizes(output)
        most_work, most = max(most_work, sizes["_work"]), max(most, sizes.total())
        time.sleep(0.1)
    if running.returncode:
        raise SystemExit(f"the build of {dump} ended with status {running.returncode}")
    totals = json.loads((output / "link.json").read_text())["languages"][language]
    xml, size = summary_in(totals, ParsedText).xml_bytes, Path(path).stat().st_size
    sizes = part_sizes(output)
    sizes["other"] = sizes.total() - sum(sizes[part] for part in PARTS)
    shares = [sizes[part] / xml for part in PARTS] + [most_work / xml, most / xml]
    _, expected = disk_bytes(xml_of([(path, size)]), ("link", "vocabulary", "examples"), 1, 1)
    return [
        f"{language} {Path(path).name}",
        *(f"{size / 1e6:.1f}", f"{xml / size:.1f}"),
        *(f"{share:.3f}" for share in shares),
        *(f"{most / 1e6:.1f}", f"{expected / 1e6:.1f}"),
    ]


def part_sizes(output: Path) -> Counter[str]:
    """Bytes of files on disk, by the first folder of their path."""
    sizes: Counter[str] = Counter()
    for folder, _, names in os.walk(output):
        part = Path(folder).relative_to(output).parts[:1]
        for name in names:
            try:
                sizes[part[0] if part else "files"] += Path(folder, name).stat().st_size
            except FileNotFoundError:  # it was published or removed just now
                continue
    return sizes


if __name__ == "__main__":
    main()
