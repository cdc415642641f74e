"""Kills a build repeatedly and resumes it, then compares its output with the output of an undisturbed build.

    python tools/kill_and_resume.py --kills 20
    python tools/kill_and_resume.py --kills 30 --seed 7 -- --dumps DIR --output OUT --direct_num_workers=2 …

At random moments, and in turn, it sends SIGKILL to all processes of a build, only to its launcher, or to one of its
workers; then it runs the same command again. In the end, the output must be equal, byte for byte, to the output of an
undisturbed build, nothing may be left in the work folder, and no task with a written result may have run again. The
flags after `--` go to `mlukit build`; without them, the bundled sample is built.

The exit status is 0 if all this is true.
"""

import argparse
import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[1]
SAMPLE = ("--config", str(ROOT / "sample/sample.toml"), "--dumps", str(ROOT / "sample/dumps"))
VICTIMS = ("all processes", "the launcher", "a worker")
ANEW = "checksum"  # the step that each run repeats, because a dump may have been replaced between two runs


@dataclass
class Killer:
    """Kills builds into one output folder, and records the results of their tasks."""

    command: Sequence[str]
    output: Path
    random: random.Random
    shortest: float  # seconds before a build is killed
    longest: float
    done: dict[str, int] = field(default_factory=dict)  # the time of each result that a killed build wrote
    redone: list[str] = field(default_factory=list)
    kills: int = 0

    def run_once(self, victim: str) -> bool:
        """Starts the build and kills it; returns whether it finished before that."""
        process = start(self.command, self.output)
        deadline = time.monotonic() + self.random.uniform(self.shortest, self.longest)
        while process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
            self._look()
        if process.poll() is None:
            self._kill(process, victim)
            self._look()
        process.wait()
        return process.returncode == 0

    def _kill(self, process: subprocess.Popen[bytes], victim: str) -> None:
        workers = []
        with suppress(psutil.NoSuchProcess):
            workers = psutil.Process(process.pid).children(recursive=True)
        chosen = {
            "all processes": [process.pid, *(worker.pid for worker in workers)],
            "the launcher": [process.pid],
            "a worker": [self.random.choice(workers).pid] if workers else [process.pid],
        }[victim]
        for pid in chosen:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.kills += 1
        print(f"kill {self.kills}: {victim} ({len(workers)} workers); {len(self.done)} results so far", flush=True)

    def _look(self) -> None:
        """Records new results, and results that were written a second time."""
        for folder, _, names in os.walk(self.output / "_work/results"):
            for path in (Path(folder, name) for name in names):
                with suppress(FileNotFoundError):
                    name, written = "/".join(path.parts[-3:]), path.stat().st_mtime_ns
                    if self.done.setdefault(name, written) != written and path.parts[-3] != ANEW:
                        self.redone.append(name)
                    self.done[name] = written


def start(command: Sequence[str], output: Path) -> subprocess.Popen[bytes]:
    """Starts a build; its messages go to a file beside the output."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with output.with_suffix(".log").open("ab") as log:
        words = [sys.executable, "-m", "mlukit", "build", "--output", str(output), *command]
        return subprocess.Popen(words, env=environment, stdout=log, stderr=log)


def checksums(output: Path) -> dict[str, str]:
    """SHA-256, by path, of all files that must be equal in two builds."""
    files = [path for path in sorted(output.rglob("*")) if path.is_file() and path.name != "run.json"]
    return {path.relative_to(output).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def kill_and_resume(command: Sequence[str], folder: Path, kills: int, seed: int) -> list[str]:
    """Runs the undisturbed build and the killed builds, and compares them.

    Args:
        command: the flags of `mlukit build` except `--output`.
        folder: an empty folder for both outputs.
        kills: the number of kills.
        seed: the seed for the random moments.

    Returns:
        The differences, in words; empty if there are none.
    """
    undisturbed, output = folder / "undisturbed", folder / "killed"
    began = time.monotonic()
    process = start(command, undisturbed)
    while process.poll() is None and not (undisturbed / "run.json").exists():
        time.sleep(0.01)
    ready = time.monotonic() - began
    if process.wait() != 0:
        return [f"the undisturbed build failed: see {undisturbed.with_suffix('.log')}"]
    seconds = time.monotonic() - began
    print(f"the undisturbed build took {seconds:.0f} s, {ready:.0f} s of them to start; seed {seed}", flush=True)
    killer = Killer(command, output, random.Random(seed), ready / 2, seconds)
    while killer.kills < kills:
        if killer.run_once(VICTIMS[killer.kills % len(VICTIMS)]):
            shutil.rmtree(output)  # finished before enough kills: from the beginning
            killer.done.clear()
    if start(command, output).wait() != 0:
        return [f"the last build failed: see {output.with_suffix('.log')}"]
    return differences(checksums(undisturbed), checksums(output)) + [
        f"a finished task ran again: {task}" for task in killer.redone
    ]


def differences(expected: dict[str, str], found: dict[str, str]) -> list[str]:
    """The differences between the checksums of two outputs, in words."""
    names = sorted(expected.keys() | found.keys())
    return [f"the file differs: {name}" for name in names if expected.get(name) != found.get(name)]


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20, help="number of kills (default 20)")
    parser.add_argument("--seed", type=int, default=0, help="seed for the random moments (default 0)")
    parser.add_argument("command", nargs="*", help="flags of mlukit build except --output, after --")
    asked = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="kill-and-resume-"))
    wrong = kill_and_resume(asked.command or SAMPLE, folder, asked.kills, asked.seed)
    for line in wrong:
        print(line)
    if wrong:
        print(f"{len(wrong)} checks failed; both outputs are in {folder}")
        return 1
    print(f"{asked.kills} kills: the bytes are equal, no task ran twice, and no temporary file was left")
    shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
