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

ROOT = Path(mlukit.__file__).resolve().parents[1]  # the folder of the checkout, if the code runs from a checkout
SOURCES = ("setup.py", "pyproject.toml", "README.md", "mlukit")  # the rooms are symbolic links in mlukit


def is_dataflow(options: PipelineOptions) -> bool:
    """Whether the user's flags ask for Dataflow."""
    return (options.view_as(StandardOptions).runner or "").lower().endswith("dataflowrunner")


def prepare(options: PipelineOptions, command: str, folder: Path) -> None:
    """Names the job, unless the user named it, and adds the package of mlukit to the staged files.

    Args:
        options: the options of the pipeline, which are changed.
        command: the command that the job runs.
        folder: the folder for the package; the folder must exist until the job is staged.
    """
    cloud = options.view_as(GoogleCloudOptions)
    cloud.job_name = cloud.job_name or f"mlukit-{command}-{uuid.uuid4().hex[:8]}"
    cloud.temp_location = cloud.temp_location or cloud.staging_location
    # Beam would stage the names and paths of all packages that are installed here.
    options.view_as(DebugOptions).add_experiment("disable_logging_submission_environment")
    if is_checkout() and not brings_package(options):
        setup = options.view_as(SetupOptions)
        name, content = _wheel()
        (folder / name).write_bytes(content)
        setup.extra_packages = [*(setup.extra_packages or ()), str(folder / name)]


def brings_package(options: PipelineOptions) -> bool:
    """Whether the user's flags name a package of mlukit."""
    setup = options.view_as(SetupOptions)
    named = [Path(path).name for path in setup.extra_packages or ()]
    return bool(setup.setup_file) or any(name.startswith("mlukit-") for name in named)


def is_checkout() -> bool:
    """Whether this code runs from a checkout, so that its wheel can be built."""
    return all((ROOT / name).exists() for name in SOURCES)


@functools.cache
def _wheel() -> tuple[str, bytes]:
    """Name and content of the wheel of mlukit; cached, so that all jobs of a run get the same wheel."""
    with tempfile.TemporaryDirectory(prefix="mlukit-") as folder:
        wheel = build_wheel(Path(folder))
        return wheel.name, wheel.read_bytes()


def build_wheel(folder: Path) -> Path:
    """Builds the wheel of this checkout from a copy, because building leaves files beside the sources.

    Args:
        folder: the folder for the wheel.

    Raises:
        OSError: the wheel cannot be built; the message has the output of pip.
    """
    source = folder / "source"
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            source.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, source / name)
    # With isolation, pip would download setuptools even if it is installed.
    isolation = ["--no-build-isolation"] if is_installed("setuptools") else []
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check", "--no-deps", *isolation]
    done = subprocess.run([*command, "--wheel-dir", str(folder), str(source)], capture_output=True, text=True)
    shutil.rmtree(source)
    if done.returncode:
        raise OSError(f"the package for the workers could not be built: {' '.join(done.stderr.split())[-500:]}")
    return next(folder.glob("mlukit-*.whl"))
