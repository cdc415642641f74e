"""Dataflow, as far as it goes without it: jobs are staged with and sent to stand-ins on this machine.

What Dataflow would do with a job is done in a virtual environment that has the dependencies and the staged package of
ours, and nothing of this checkout: it reads the staged job graph and runs it.
"""

import base64
import bz2
import hashlib
import json
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import GoogleCloudOptions, PipelineOptions, SetupOptions
from apache_beam.portability import common_urns
from apache_beam.portability.api import beam_runner_api_pb2

from mlukit.engine.launch.worker_package import prepare
from mlukit.pipelines.dataflow import check_dataflow
from mlukit.pipelines.settings import Settings, SettingsError
from tests.bare_python import bare_environment, bare_python
from tests.small_dumps import IN_MEMORY, checksums, run

pytest.importorskip("google.cloud.dataflow", reason="Beam's packages for Google Cloud are not installed: '.[gcp]'")
from apache_beam.io.gcp.gcsio import parse_gcs_path
from google.cloud.dataflow import JobState

from tests.google_cloud import GoogleCloud, credentials, google_cloud

ROOT = Path(__file__).resolve().parents[2]
FLAGS = ("--runner=DataflowRunner", "--project=a-project", "--region=europe-west1", "--temp_location=gs://own/beam")
WHEEL = "mlukit-0.1.0-py3-none-any.whl"

# Runs job graphs, whose files are named on standard input, in this process.
WORKER = """
import json, sys, traceback
from pathlib import Path
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.portability import python_urns
from apache_beam.portability.api import beam_runner_api_pb2 as api
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from mlukit import corpus, engine, pipelines, schemas, transforms

print(json.dumps([module.__file__ for module in (corpus, engine, pipelines, schemas, transforms)]), flush=True)
for line in sys.stdin:
    graph = api.Pipeline.FromString(Path(line.strip()).read_bytes())
    for environment in graph.components.environments.values():
        environment.CopyFrom(api.Environment(urn=python_urns.EMBEDDED_PYTHON))
    try:
        FnApiRunner().run_via_runner_api(graph, PipelineOptions([])).wait_until_finish()
        print("done", "torch" in sys.modules, flush=True)
    except Exception:
        print(json.dumps(traceback.format_exc()), flush=True)
"""


class Worker:
    """A Python that has our package as it was staged."""

    def __init__(self, folder: Path, wheel: bytes, name: str, environment: dict[str, str]) -> None:
        (folder / name).write_bytes(wheel)
        self.python = bare_python(folder / "venv", folder / name)
        self._folder = folder
        self._process = subprocess.Popen(
            [self.python, "-c", WORKER],
            **{"cwd": folder, "env": environment, "stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True},
        )
        self.modules = json.loads(self._line())

    def _line(self) -> str:
        assert self._process.stdout
        return self._process.stdout.readline()

    def run(self, graph: bytes) -> str:
        """What came of a job graph: "" when it is done."""
        path = self._folder / "graph.pb"
        path.write_bytes(graph)
        assert self._process.stdin
        self._process.stdin.write(f"{path}\n")
        self._process.stdin.flush()
        line = self._line().strip()
        return "" if line == "done False" else line

    def close(self) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait(30)


class Dataflow:
    """What the stand-in does with jobs, and the launcher that sends them."""

    def __init__(self, cloud: GoogleCloud, folder: Path) -> None:
        self.cloud, self._folder = cloud, folder
        key = credentials(folder / "key.json", cloud.url)
        self.environment = bare_environment(
            STORAGE_EMULATOR_HOST=cloud.url, GOOGLE_APPLICATION_CREDENTIALS=str(key), NO_PROXY="localhost,127.0.0.1"
        )
        self.worker: Worker | None = None
        self.failures: list[str] = []

    def do_job(self, job: dict[str, Any]) -> list[str]:
        """Has the worker do a job before it says that there is one."""
        try:
            if self.worker is None:
                (name,) = [name for _, name in self.cloud.objects if name.endswith(".whl")]
                self.worker = Worker(self._folder, self.cloud.objects["own", name], Path(name).name, self.environment)
            failure = self.worker.run(graph_bytes(self.cloud, job))
        except Exception as error:
            failure = repr(error)
        if failure:
            self.failures.append(failure)
            return ["JOB_STATE_FAILED"]
        return ["JOB_STATE_DONE"]

    def start(self, *words: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "mlukit", *words, *FLAGS, f"--dataflow_endpoint={self.cloud.url}"]
        environment = {**self.environment, "PYTHONPATH": str(ROOT)}
        return subprocess.Popen(command, cwd=self._folder, env=environment, stderr=subprocess.PIPE, text=True)


def graph_bytes(cloud: GoogleCloud, job: dict[str, Any]) -> bytes:
    """The job graph, from where the job says that it was staged."""
    bucket, _, name = job["environment"]["sdkPipelineOptions"]["options"]["pipelineUrl"][5:].partition("/")
    return cloud.objects[bucket, name]


@pytest.fixture
def dataflow(tmp_path: Path, dumps: Path) -> Iterator[Dataflow]:
    """With the dumps of the small wikis in gs://data/dumps."""
    with google_cloud() as cloud:
        cloud.objects |= {("data", f"dumps/{path.name}"): path.read_bytes() for path in dumps.iterdir()}
        dataflow = Dataflow(cloud, tmp_path)
        yield dataflow
        if dataflow.worker:
            dataflow.worker.close()


STAGE = ("link", "--languages=en", "--validation-share=0.1")
LINK = (*STAGE, "--dumps=gs://data/dumps", "--output=gs://data/out")


def test_a_stage_is_staged_and_done_with_the_staged_package(dataflow: Dataflow, dumps: Path, tmp_path: Path) -> None:
    cloud = dataflow.cloud
    cloud.do_job = dataflow.do_job
    _, said = (launcher := dataflow.start(*LINK)).communicate(timeout=200)
    assert (launcher.returncode, dataflow.failures, cloud.unknown) == (0, [], []), said
    assert dataflow.worker
    assert [file for file in dataflow.worker.modules if not file.startswith(str(tmp_path))] == []
    (job,) = cloud.jobs
    check_job(cloud, job)
    assert run(*STAGE, "--dumps", dumps, "--output", tmp_path / "local", IN_MEMORY).status == 0
    written = {name.removeprefix("out/"): data for (_, name), data in cloud.objects.items() if name.startswith("out/")}
    assert {path: hashlib.sha256(data).hexdigest() for path, data in written.items() if path != "run.json"} == {
        path: checksum for path, checksum in checksums(tmp_path / "local").items() if path != "run.json"
    }


def check_job(cloud: GoogleCloud, job: dict[str, Any]) -> None:
    """Holds what was sent and staged against what workers need, and must not get."""
    environment = job["environment"]
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    assert environment["userAgent"] == {"name": f"Apache Beam Python {version} SDK", "version": beam.__version__}
    (pool,) = environment["workerPools"]
    assert pool["workerHarnessContainerImage"].endswith(f"/beam_python{version}_sdk:{beam.__version__}")
    assert sorted(package["name"] for package in pool["packages"]) == ["extra_packages.txt", WHEEL]
    options = environment["sdkPipelineOptions"]["options"]
    assert (options["project"], options["region"]) == ("a-project", "europe-west1")
    assert options["save_main_session"] is False

    graph = beam_runner_api_pb2.Pipeline.FromString(graph_bytes(cloud, job))
    names = {transform.unique_name for transform in graph.components.transforms.values()}
    steps = ("check sources", "read dumps", "build title indexes", "resolve links")
    assert {f"link/{step}/{part}" for step in steps for part in ("Plan", "Tasks", "Report")} <= {
        "/".join(name.split("/")[:3]) for name in names
    }
    staged = dict(
        file for place in graph.components.environments.values() for file in map(staged_file, place.dependencies)
    )
    assert sorted(url.rpartition("/")[2] for url in staged) == ["extra_packages.txt", WHEEL]
    for url, checksum in staged.items():
        assert hashlib.sha256(cloud.objects[parse_gcs_path(url)]).hexdigest() == checksum
    code = b"".join(pickled(graph)).replace(str(Path(beam.__file__).parent).encode(), b"")  # where its lambdas stand
    assert b"mlukit.engine.task_transform" in code
    for flags in environment["sdkPipelineOptions"].values():  # Beam writes down where the launcher had the package
        drop_flag(flags, "extra_packages")
    for text in (json.dumps(job).encode(), graph_bytes(cloud, job), code):
        assert [
            word for word in (b"torch", str(ROOT).encode(), tempfile.gettempdir().encode() + b"/") if word in text
        ] == []


def drop_flag(flags: dict[str, Any] | list[dict[str, Any]], name: str) -> None:
    """Takes a flag out of options, or out of what Beam has to show of them."""
    if isinstance(flags, dict):
        del flags[name]
    else:
        flags[:] = [flag for flag in flags if flag["key"] != name]


def staged_file(dependency: beam_runner_api_pb2.ArtifactInformation) -> tuple[str, str]:
    """URL and SHA-256 of what workers are to fetch."""
    assert dependency.type_urn == common_urns.artifact_types.URL.urn
    file = beam_runner_api_pb2.ArtifactUrlPayload.FromString(dependency.type_payload)
    return file.url, file.sha256


def pickled(graph: beam_runner_api_pb2.Pipeline) -> Iterator[bytes]:
    """The functions of a graph, as pickle has them."""
    for transform in graph.components.transforms.values():
        if transform.spec.urn == common_urns.primitives.PAR_DO.urn:
            function = beam_runner_api_pb2.ParDoPayload.FromString(transform.spec.payload).do_fn.payload
            yield bz2.decompress(base64.b64decode(function))


def test_a_job_that_fails_ends_the_run_with_its_reason(dataflow: Dataflow) -> None:
    dataflow.cloud.do_job = lambda job: ["JOB_STATE_RUNNING", "JOB_STATE_RUNNING", "JOB_STATE_FAILED"]
    dataflow.cloud.messages["job-0"] = "Traceback (most recent call last):\n  …\nValueError: the value was 7"
    _, said = (launcher := dataflow.start(*LINK)).communicate(timeout=100)
    assert launcher.returncode == 1
    assert re.sub(r" \(log: \S+\)", "", said) == (
        "mlukit link: the pipeline failed: ValueError: the value was 7. "
        "Finished work is kept: run the same command again to continue.\n"
    )


def test_ctrl_c_cancels_the_job(dataflow: Dataflow) -> None:
    dataflow.cloud.do_job = lambda job: ["JOB_STATE_RUNNING"]
    launcher = dataflow.start(*LINK)
    deadline = time.monotonic() + 60
    while not dataflow.cloud.polls and time.monotonic() < deadline:
        time.sleep(0.1)
    launcher.send_signal(signal.SIGINT)
    _, said = launcher.communicate(timeout=60)
    assert (launcher.returncode, dataflow.cloud.requested) == (130, [("job-0", JobState.JOB_STATE_CANCELLED)]), said


MISSING = {
    "--project": "--project is missing: name the Google Cloud project that pays",
    "--region": "--region is missing: name the region to run in, such as europe-west1",
    "--temp_location": "--temp_location is missing: name a folder for Beam's own files, such as gs://BUCKET/tmp",
}


@pytest.mark.parametrize("flag", MISSING)
def test_a_missing_flag(flag: str) -> None:
    ran = run(*LINK, *(given for given in FLAGS if not given.startswith(flag)))
    assert (ran.status, ran.out) == (2, "")
    assert ran.err == f"mlukit link: --runner DataflowRunner: {MISSING[flag]} (see docs/cluster.md)\n"


def test_all_that_is_wrong_is_said_at_once(tmp_path: Path) -> None:
    ran = run(
        *("build", f"--output={tmp_path}/out", "--dump", f"en={tmp_path}/en.xml.bz2", "--runner=DataflowRunner"),
        *("--sentencepiece-model=gs://data/model", "--staging_location=/tmp/staging", "--project=p", "--region=r"),
        "--template_location=gs://own/template",
    )
    assert ran.status == 2
    assert ran.err.split(": ", 2)[2].split("; ") == [
        "--staging_location /tmp/staging is not a gs:// path",
        f"--output {tmp_path}/out is on this machine, where workers cannot read it: name a gs:// path",
        f"--dump en={tmp_path}/en.xml.bz2 is on this machine, where workers cannot read it: name a gs:// path",
        "--template_location creates a job that starts later, but mlukit waits for its job: omit the flag "
        "(see docs/cluster.md)\n",
    ]
    assert list(tmp_path.iterdir()) == []


def test_without_a_checkout_an_image_is_asked_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("mlukit.engine.launch.worker_package.ROOT", tmp_path)
    settings = Settings(output="gs://data/out")
    with pytest.raises(SettingsError, match=r"installed without its setup\.py.*--sdk_container_image"):
        check_dataflow(settings, FLAGS)
    check_dataflow(settings, [*FLAGS, "--sdk_container_image=eu.gcr.io/a-project/mlukit:1"])
    check_dataflow(settings, [*FLAGS, "--extra_package=mlukit-0.1.0-py3-none-any.whl"])


def test_the_user_s_own_package_is_left_alone(tmp_path: Path) -> None:
    options = PipelineOptions([*FLAGS, "--job_name=mine", "--setup_file=./setup.py"])
    prepare(options, "parse", tmp_path)
    assert options.view_as(SetupOptions).extra_packages is None
    assert options.view_as(GoogleCloudOptions).job_name == "mine"
    assert list(tmp_path.iterdir()) == []
