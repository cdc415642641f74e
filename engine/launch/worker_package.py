"""Builds the package for Dataflow's workers: the wheel of the launching checkout, staged with each job.

So a container image needs only the dependencies.
"""

import functools
import shutil
import subprocess
import sys
import tempfile
import uuid
from pathlib import Path

from apache_beam.options.pipeline_options import (
    DebugOptions,
    GoogleCloudOptions,
    PipelineOptions,
    SetupOptions,
    StandardOptions,
)

import mlukit
from mlukit.engine.extras import is_installed

ROOT = Path(mlukit.__file__).resolve().parents[1]  # of the checkout, where this is one
SOURCES = ("setup.py", "pyproject.toml", "README.md", "mlukit")  # the rooms are links in mlukit


def is_dataflow(options: PipelineOptions) -> bool:
    """Whether the user's flags ask for Dataflow."""
    return (options.view_as(StandardOptions).runner or "").lower().endswith("dataflowrunner")


def prepare(options: PipelineOptions, command: str, folder: Path) -> None:
    """Names the job, where the user did not, and adds our package to what is staged.

    Args:
        command: the command that the job does.
        folder: the folder for the package; the folder must exist until the job is staged.
    """
    cloud = options.view_as(GoogleCloudOptions)
    cloud.job_name = cloud.job_name or f"mlukit-{command}-{uuid.uuid4().hex[:8]}"
    cloud.temp_location = cloud.temp_location or cloud.staging_location
    # it would stage the names and paths of all that is installed here
    options.view_as(DebugOptions).add_experiment("disable_logging_submission_environment")
    if is_checkout() and not brings_package(options):
        setup = options.view_as(SetupOptions)
        name, content = _wheel()
        (folder / name).write_bytes(content)
        setup.extra_packages = [*(setup.extra_packages or ()), str(folder / name)]


def brings_package(options: PipelineOptions) -> bool:
    """Whether the user's flags name a package of ours."""
    setup = options.view_as(SetupOptions)
    named = [Path(path).name for path in setup.extra_packages or ()]
    return bool(setup.setup_file) or any(name.startswith("mlukit-") for name in named)


def is_checkout() -> bool:
    """Whether this code runs from a checkout, whose wheel can be built."""
    return all((ROOT / name).exists() for name in SOURCES)


@functools.cache
def _wheel() -> tuple[str, bytes]:
    """Name and content of our wheel: the jobs of a run get the same one."""
    with tempfile.TemporaryDirectory(prefix="mlukit-") as folder:
        wheel = build_wheel(Path(folder))
        return wheel.name, wheel.read_bytes()


def build_wheel(folder: Path) -> Path:
    """Builds the wheel of this checkout, from a copy: building leaves files beside the sources.

    Args:
        folder: the folder for the wheel.

    Raises:
        OSError: it cannot be built; with what pip said.
    """
    source = folder / "source"
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            source.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, source / name)
    # isolated, pip would get setuptools from a package index even where it is installed
    isolation = ["--no-build-isolation"] if is_installed("setuptools") else []
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check", "--no-deps", *isolation]
    done = subprocess.run([*command, "--wheel-dir", str(folder), str(source)], capture_output=True, text=True)
    shutil.rmtree(source)
    if done.returncode:
        raise OSError(f"the package for the workers could not be built: {' '.join(done.stderr.split())[-500:]}")
    return next(folder.glob("mlukit-*.whl"))
