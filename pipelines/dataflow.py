"""Checks before any work what Dataflow requires: the necessary flags, and paths that its workers can reach."""

from collections.abc import Iterator, Sequence

from apache_beam.options.pipeline_options import GoogleCloudOptions, PipelineOptions, WorkerOptions

from mlukit.engine.extras import how_to_install, missing_packages
from mlukit.engine.launch.worker_package import brings_package, is_checkout, is_dataflow
from mlukit.engine.storage import is_local
from mlukit.pipelines.settings import Settings, SettingsError

_READ_BY_WORKERS = ("output", "dumps", "sentencepiece_model", "wikidata_cache")


def check_dataflow(settings: Settings, beam_flags: Sequence[str]) -> None:
    """Refuses a run that Dataflow could not do; accepts everything for another runner.

    Raises:
        SettingsError: the message has all problems.
    """
    options = PipelineOptions(list(beam_flags))
    if is_dataflow(options):
        wrong = [*_missing(options), *_local_paths(settings), *_no_job(options)]
        if wrong:
            raise SettingsError(f"--runner DataflowRunner: {'; '.join(wrong)} (see docs/cluster.md)")


def _missing(options: PipelineOptions) -> Iterator[str]:
    """Messages about missing packages and missing or wrong flags."""
    if packages := missing_packages("gcp"):
        yield how_to_install("Dataflow", "gcp", packages)
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
            yield f"{flag} {place} is not a gs:// path"
    if not (brings_package(options) or options.view_as(WorkerOptions).sdk_container_image or is_checkout()):
        yield (
            "mlukit was installed without its setup.py, so its package cannot be built for the workers: name an image "
            "that has mlukit with --sdk_container_image, or run mlukit from a checkout"
        )


def _local_paths(settings: Settings) -> Iterator[str]:
    """Messages about paths on this machine, which the workers of Dataflow cannot read."""
    paths = [(f"--{name.replace('_', '-')}", getattr(settings, name)) for name in _READ_BY_WORKERS]
    for flag, path in [*paths, *((f"--dump {language}=", path) for language, path in settings.dump)]:
        if path and is_local(path):
            space = "" if flag.endswith("=") else " "
            yield f"{flag}{space}{path} is on this machine, where workers cannot read it: name a gs:// path"


def _no_job(options: PipelineOptions) -> Iterator[str]:
    if options.view_as(GoogleCloudOptions).template_location:
        yield "--template_location creates a job that starts later, but mlukit waits for its job: omit the flag"
