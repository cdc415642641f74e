"""Runs tasks of `mlukit evaluate` at a larger size on one GPU, in less than ten minutes, and prints their tables.

    python -P benchmarks/evaluation.py MODEL DATA RUNS [--minutes 9] [--parts relx,ner,retrieval]

MODEL is a checkpoint with entities: a folder of `mlukit train`, `import` or `export`, or mLUKE. DATA has the official
files of the parts (`mlukit evaluate list` names them); `ner` is Spanish to Dutch, CoNLL-2002. RUNS gets a folder for
each part. Each part has a share of the minutes; a part that needs longer is stopped, and the same command continues it.
Status 0: every part was finished. 1: a part failed or was stopped. `--device cpu --smoke` tries the script on few
examples. No number of a GPU is in the documents: nobody has run this script on one yet.
"""

import argparse
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

MLUKIT = (sys.executable, "-P", "-m", "mlukit", "evaluate")
SECONDS_TO_STOP = 30  # for the checkpoint after a signal


@dataclass(frozen=True)
class Part:
    """A task at its larger size.

    Attributes:
        share: of the minutes.
        flags: of `mlukit evaluate TASK`.
        smoke: flags for a trial, which overrule them.
    """

    share: float
    flags: str
    smoke: str


FEW = "--limit 64 --epochs 1 --test-limit 16"
SPANISH_TO_DUTCH = "--train-language es --tests nl --context sentence"
PARTS = {
    "relx": Part(0.4, "--learning-rate 2e-5 --epochs 3", FEW),
    "ner": Part(0.4, f"{SPANISH_TO_DUTCH} --learning-rate 2e-5 --epochs 1 --limit 4000 --test-limit 1500", FEW),
    "retrieval": Part(0.2, "", "--test-limit 16 --languages en,de"),
}


def run_part(task: str, seconds: float, arguments: argparse.Namespace) -> bool:
    """Runs a part for some seconds at most, prints its table, and returns whether it was finished."""
    part, run = PARTS[task], arguments.runs / task
    flags = [*part.flags.split(), *(part.smoke.split() if arguments.smoke else ()), "--device", arguments.device]
    words = [*MLUKIT, task, "--model", str(arguments.model), "--data", str(arguments.data), "--output", str(run)]
    began = time.monotonic()
    with subprocess.Popen([*words, *flags]) as process:
        try:
            status = process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.terminate()
            status = process.wait(SECONDS_TO_STOP)
    print(f"\n## {task}: {time.monotonic() - began:.0f} s, status {status}\n", flush=True)
    if status == 0:
        table = ["table", str(run), *(["--layers"] if task == "retrieval" else [])]
        subprocess.run([*MLUKIT, *table], check=True)
    return status == 0


def main() -> int:
    """Runs the parts one after the other; time that is left goes to the following ones."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("model", "data", "runs"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--minutes", type=float, default=9)
    parser.add_argument("--parts", type=lambda text: text.split(","), default=list(PARTS))
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--smoke", action="store_true")
    arguments = parser.parse_args()
    if unknown := [name for name in arguments.parts if name not in PARTS]:
        parser.error(f"--parts {','.join(unknown)}: accepted are {','.join(PARTS)}")
    arguments.runs.mkdir(parents=True, exist_ok=True)
    end, left = time.monotonic() + 60 * arguments.minutes, sum(PARTS[name].share for name in arguments.parts)
    finished = []
    for name in arguments.parts:
        seconds = (end - time.monotonic()) * PARTS[name].share / left
        left -= PARTS[name].share
        finished.append(run_part(name, seconds, arguments))
    return 0 if all(finished) else 1


if __name__ == "__main__":
    sys.exit(main())
