"""Downloads Flink and Beam's job server for it, once, into a folder that git ignores.

Beam's jars come from Maven, with the versions in pom.xml in this folder. Flink's own jars come from a Python package,
because not every Maven mirror has Flink's distribution.
"""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

FLINK = "apache-flink-libraries==1.19.3"
JAVA_VERSIONS = range(11, 22)  # that Flink 1.19 runs on
_BUILT_WITH = "setuptools<70"  # the package's setup.py needs it
_POM = Path(__file__).with_name("pom.xml")
_MAVEN_GOAL = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies"
_SIZES = "150 MB from Maven, which keeps a copy in its own folder, and 235 MB of Flink"
_FLINKS_OWN = ("flink-", "slf4j-")  # the jars of Beam that Flink itself has
# Jars that the job server does not need: it sends its whole class path with every job.
_IDLE = (
    "flink-rpc-akka",
    "flink-shaded-zookeeper",
    "grpc-",
    "conscrypt",
    "proto-google",
    "google-cloud-",
    "opencensus",
)
_LIMIT = 1200  # seconds for each of the two downloads


class FetchError(Exception):
    """A program or a file that a cluster needs is missing; the message names it."""


@dataclass(frozen=True, slots=True)
class Jars:
    """Java class paths."""

    flink: tuple[Path, ...]  # for job manager and task managers: Flink's distribution, and Beam's runner
    job_server: tuple[Path, ...]


def java() -> str:
    """The `java` to run: JAVA_HOME's, or the one on PATH."""
    home = os.environ.get("JAVA_HOME")
    return str(Path(home) / "bin/java") if home else "java"


def missing() -> list[str]:
    """The missing programs, in words; empty if a cluster can be started."""
    found = []
    wanted = f"Java {JAVA_VERSIONS[0]} to {JAVA_VERSIONS[-1]}"
    version = _java_version()
    if version is None:
        found.append(f"{wanted} ({java()} was not found)")
    elif version not in JAVA_VERSIONS:
        found.append(f"{wanted} ({java()} is version {version})")
    if shutil.which("mvn") is None:
        found.append("Maven (mvn was not found)")
    if subprocess.run([sys.executable, "-m", "uv", "--version"], capture_output=True).returncode:
        found.append(f"uv for {sys.executable} (./run setup installs it)")
    return found


def _java_version() -> int | None:
    try:
        said = subprocess.run([java(), "-version"], capture_output=True, text=True).stderr
    except FileNotFoundError:
        return None
    numbers = re.search(r'version "(?:1\.)?(\d+)', said)
    return int(numbers[1]) if numbers else None


def fetch_jars(cache: Path) -> Jars:
    """The jars in `cache`, downloaded if they are missing; two processes may call this at the same time.

    Raises:
        FetchError: a program is missing, or a download failed.
    """
    if lacking := missing():
        raise FetchError(f"Flink needs {' and '.join(lacking)}")
    name = hashlib.sha256(_POM.read_bytes() + FLINK.encode()).hexdigest()[:12]
    cache.mkdir(parents=True, exist_ok=True)
    with _locked(cache / "lock"):
        if not (cache / name).is_dir():
            _fetch_all(cache, name)
    return _jars(cache / name)


def _jars(folder: Path) -> Jars:
    distribution = folder / "flink/pyflink/lib"
    flink = (*distribution.glob("flink-dist-*.jar"), *sorted(distribution.glob("log4j-*.jar")))
    beam = sorted((folder / "job-server").glob("*.jar"))
    runner = (jar for jar in beam if not jar.name.startswith(_FLINKS_OWN))
    return Jars((*flink, *runner), tuple(jar for jar in beam if not jar.name.startswith(_IDLE)))


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _fetch_all(cache: Path, name: str) -> None:
    """Downloads into a temporary folder, then renames it, so that a folder with the name is complete."""
    for left in cache.glob("partial-*"):
        shutil.rmtree(left)
    print(
        f"downloading Flink and Beam's job server into {cache}, only this once: {_SIZES}", file=sys.stderr, flush=True
    )
    with tempfile.TemporaryDirectory(dir=cache, prefix="partial-", ignore_cleanup_errors=True) as aside:
        folder = Path(aside) / name
        _call(
            "mvn",
            *("--batch-mode", "--no-transfer-progress", "--file", str(_POM), _MAVEN_GOAL),
            f"-DoutputDirectory={folder / 'job-server'}",
        )
        constraints = Path(aside) / "constraints.txt"
        constraints.write_text(_BUILT_WITH)
        _call(
            *(sys.executable, "-m", "uv", "pip", "install", "--no-deps", "--python", sys.executable),
            *("--target", str(folder / "flink"), "--build-constraints", str(constraints), FLINK),
        )
        folder.rename(cache / name)


def _call(*command: str) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_LIMIT)
    except subprocess.TimeoutExpired as error:
        raise FetchError(f"{' '.join(command)} did not finish within {_LIMIT} s") from error
    if done.returncode:
        lines = [line for line in (done.stdout + done.stderr).splitlines() if "ERROR" in line or "error" in line]
        said = "\n".join(lines[:5]) or done.stderr
        raise FetchError(f"{' '.join(command)} failed:\n{said}")
