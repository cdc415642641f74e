"""What Dataflow wants of us: flags it cannot do without, paths that its workers reach, and our own package.

A run is a Dataflow job for each phase. Workers run the code of the checkout that launched them: it is built into a
wheel and staged with each job, so that an image has to bring the dependencies only.
"""

import functools
import importlib.util
import shutil
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path

from apache_beam.options.pipeline_options import (
    DebugOptions,
    GoogleCloudOptions,
    PipelineOptions,
    SetupOptions,
    StandardOptions,
    TestOptions,
    WorkerOptions,
)

from pipelines.settings import Settings, SettingsError
from transforms.storage import is_local

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ("setup.py", "pyproject.toml", "mlukit.py", "schemas", "corpus", "transforms", "pipelines", "pretraining")
_READ_BY_WORKERS = ("output", "dumps", "sentencepiece_model", "wikidata_cache")
_GCP_MODULES = ("google.cloud.dataflow", "google.cloud.storage")


def is_dataflow(options: PipelineOptions) -> bool:
    """Whether the user's flags ask for Dataflow."""
    return (options.view_as(StandardOptions).runner or "").lower().endswith("dataflowrunner")


def check_dataflow(settings: Settings, beam_flags: Sequence[str]) -> None:
    """Refuses what could not run on Dataflow; nothing where another runner is asked for.

    Raises:
        SettingsError: with all that is wrong.
    """
    options = PipelineOptions(list(beam_flags))
    if is_dataflow(options):
        wrong = [*_missing(options), *_local_paths(settings), *_one_job_only(options)]
        if wrong:
            raise SettingsError(f"--runner DataflowRunner: {'; '.join(wrong)} (see docs/cluster.md)")


def _missing(options: PipelineOptions) -> Iterator[str]:
    if not all(map(_is_installed, _GCP_MODULES)):
        yield "Beam's packages for Google Cloud are not installed: pip install 'mlukit[gcp]'"
    cloud = options.view_as(GoogleCloudOptions)
    if not cloud.project:
        yield "--project is missing: name the Google Cloud project that pays"
    if not cloud.region:
        yield "--region is missing: name the region to run in, such as europe-west1"
    places = {"--temp_location": cloud.temp_location, "--staging_location": cloud.staging_location}
    if not any(places.values()):
        yield "--temp_location is missing: name a folder for Beam's own files, such as gs://BUCKET/tmp"
    for flag, place in places.items():
        if place and not place.startswith("gs://"):
            yield f"{flag} {place} is no gs:// path"
    if not (_brings_package(options) or options.view_as(WorkerOptions).sdk_container_image or _is_checkout()):
        yield (
            "mlukit was installed without its setup.py, so its package cannot be built for the workers: name an image "
            "that has mlukit by --sdk_container_image, or run it from a checkout"
        )


def _is_installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # not even its parent
        return False


def _local_paths(settings: Settings) -> Iterator[str]:
    paths = [(f"--{name.replace('_', '-')}", getattr(settings, name)) for name in _READ_BY_WORKERS]
    for flag, path in [*paths, *((f"--dump {language}=", path) for language, path in settings.dump)]:
        if path and is_local(path):
            space = "" if flag.endswith("=") else " "
            yield f"{flag}{space}{path} lies on this machine, where no worker reaches it: name a gs:// path"


def _one_job_only(options: PipelineOptions) -> Iterator[str]:
    if options.view_as(GoogleCloudOptions).template_location:
        yield "--template_location holds one job, and a run has one for each phase, planned after the last one"
    if options.view_as(TestOptions).dry_run:
        yield "--dry_run runs no job, and the next one is planned after it"


def prepare(options: PipelineOptions, phase: str, folder: Path) -> None:
    """Names the job, where the user did not, and adds our package to what is staged.

    Args:
        phase: the phase of a run that the job does.
        folder: where the package is written to; it has to stay until the job is staged.
    """
    cloud = options.view_as(GoogleCloudOptions)
    cloud.job_name = cloud.job_name or f"mlukit-{phase}-{uuid.uuid4().hex[:8]}"
    cloud.temp_location = cloud.temp_location or cloud.staging_location
    # it would stage the names and paths of all that is installed here
    options.view_as(DebugOptions).add_experiment("disable_logging_submission_environment")
    if _is_checkout() and not _brings_package(options):
        setup = options.view_as(SetupOptions)
        name, content = _wheel()
        (folder / name).write_bytes(content)
        setup.extra_packages = [*(setup.extra_packages or ()), str(folder / name)]


def _brings_package(options: PipelineOptions) -> bool:
    """Whether the user's flags name a package of ours."""
    setup = options.view_as(SetupOptions)
    named = [Path(path).name for path in setup.extra_packages or ()]
    return bool(setup.setup_file) or any(name.startswith("mlukit-") for name in named)


def _is_checkout() -> bool:
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
        folder: where it is written to.

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
    isolation = ["--no-build-isolation"] if _is_installed("setuptools") else []
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check", "--no-deps", *isolation]
    done = subprocess.run([*command, "--wheel-dir", str(folder), str(source)], capture_output=True, text=True)
    shutil.rmtree(source)
    if done.returncode:
        raise OSError(f"the package for the workers could not be built: {' '.join(done.stderr.split())[-500:]}")
    return next(folder.glob("mlukit-*.whl"))
