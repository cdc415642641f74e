# An image for workers: Beam's own, and in it mlukit with all it depends on. docs/cluster.md tells how to build and name it.
# Its Python and its Beam have to be the launcher's: --build-arg PYTHON=3.12 where that runs on Python 3.12.
ARG PYTHON=3.11
FROM apache/beam_python${PYTHON}_sdk:2.77.0

# PyICU is compiled, against ICU.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends g++ libicu-dev pkg-config \
    && rm -rf /var/lib/apt/lists/*

# At the versions that are tested. A constraint installs nothing by itself: what only tests and training want stays out.
WORKDIR /opt/mlukit
COPY . .
RUN pip install --no-cache-dir --constraint requirements-test.lock '.[gcp]' \
    && cd / \
    && python -c 'import icu, apache_beam.runners.worker.sdk_worker_main, mlukit.pipelines.build'

# No USER and no ENTRYPOINT: Beam's boot program is what starts, and as root it can install what is staged with a job.
WORKDIR /
