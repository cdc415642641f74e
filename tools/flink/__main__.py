"""`./run flink`: builds on a local Flink cluster and with DirectRunner, and compares the outputs.

The flags go to `mlukit build`; without flags, the command builds the bundled sample.
"""

import filecmp
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tools.flink.cluster import ROOT, Cluster, ClusterError
from tools.flink.fetch_jars import FetchError, fetch_jars

OUTPUT = ROOT / "flink-output"
_SAMPLE = ["--config", str(ROOT / "sample/sample.toml"), "--dumps", str(ROOT / "sample/dumps")]
_DIFFERING = {"run.json"}  # times, hosts and flags
_STOP_LIMIT = 30  # seconds for a build that was told to stop


def main(flags: Sequence[str]) -> int:
    """The command; its exit status is 0 only if both builds ended well and are equal."""
    if any(flag.partition("=")[0] in ("--output", "--runner") for flag in flags):
        return _complain(f"the command sets the output, {OUTPUT}, and the runners; leave out --output and --runner", 2)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return build_twice([*flags] or _SAMPLE)
    except (FetchError, ClusterError) as error:
        return _complain(str(error), 1)
    except KeyboardInterrupt:
        return _complain("stopped", 130)


def build_twice(flags: Sequence[str]) -> int:
    """Builds on Flink, then with DirectRunner, and compares."""
    jars = fetch_jars(ROOT / ".flink")
    shutil.rmtree(OUTPUT, ignore_errors=True)
    on_flink, direct = OUTPUT / "flink", OUTPUT / "direct"
    say("starting a job manager, two task managers, Beam's job server and a pool of Python workers")
    start = time.monotonic()
    with Cluster(jars, OUTPUT / "cluster") as cluster:
        say(f"the cluster started in {time.monotonic() - start:.0f} s; building on Flink: {on_flink}")
        status = build(flags, on_flink, cluster.beam_flags)
    if status:
        return _complain(f"the build on Flink failed; the cluster's logs are in {cluster.folder / 'logs'}", status)
    say(f"Flink is stopped; building with DirectRunner: {direct}")
    if status := build(flags, direct, []):
        return _complain("the build with DirectRunner failed", status)
    return report(on_flink, direct)


def build(flags: Sequence[str], output: Path, beam_flags: Sequence[str]) -> int:
    """Runs `mlukit build`, and returns its exit status; stops the build if this process is interrupted."""
    command = [sys.executable, "-m", "mlukit", "build", *flags, "--output", str(output), *beam_flags]
    paths = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    environment = {**os.environ, "PYTHONPATH": paths}
    with subprocess.Popen(command, env=environment, start_new_session=True) as process:
        try:
            return process.wait()
        except BaseException:
            process.terminate()
            try:
                process.wait(_STOP_LIMIT)
            except subprocess.TimeoutExpired:
                process.kill()
            raise


def report(one: Path, other: Path) -> int:
    """Prints whether two outputs are equal; returns 0 if they are."""
    if different := differences(one, other):
        say("\n".join(different[:20]))
        return _complain(f"{len(different)} files differ between {one} and {other}", 1)
    files = _files(one)
    total = sum((one / file).stat().st_size for file in files)
    print(f"the outputs of Flink and DirectRunner are equal, byte for byte: {len(files)} files, {total / 1e6:.1f} MB")
    return 0


def differences(one: Path, other: Path) -> list[str]:
    """The differences between the files of two outputs, in words."""
    here, there = _files(one), _files(other)
    missing = [f"{file}: only in {one if file in here else other}" for file in sorted(here ^ there)]
    changed = [file for file in sorted(here & there) if not filecmp.cmp(one / file, other / file, shallow=False)]
    return missing + [f"{file}: the bytes differ" for file in changed]


def _files(folder: Path) -> set[str]:
    found = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return {file for file in found if file not in _DIFFERING}


def say(line: str) -> None:
    """Prints a line of progress for the user."""
    print(line, file=sys.stderr, flush=True)


def _complain(what: str, status: int) -> int:
    say(f"flink: {what}")
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
