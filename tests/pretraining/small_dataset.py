"""Examples of two small Wikipedias, by `mlukit build`, and runs over them that take seconds."""

import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from mlukit.corpus.entities.vocabulary import SPECIAL_ENTITIES, EntityVocabulary
from mlukit.schemas.layout import TOKENIZER, VOCABULARY_PARQUET
from mlukit.schemas.manifest import MANIFEST
from tests.small_dumps import IN_MEMORY, SmallPage, run, sentencepiece_model, write_dump, write_items

ROOT = Path(__file__).resolve().parents[2]
THINGS = 40
VERBS = ("follows", "meets", "likes", "sees")


def flags(**settings: object) -> list[str]:
    """batch_size=16 -> --batch-size 16"""
    return [word for name, value in settings.items() for word in (f"--{name.replace('_', '-')}", str(value))]


SMALL_RUN = flags(  # seconds; two micro-batches a step or more, so that a step is not all in one
    model="tiny",
    hidden_size=32,
    feed_forward_size=64,
    heads=2,
    entity_embedding_size=16,
    steps=12,
    warmup_steps=2,
    batch_size=16,
    micro_batch_tokens=512,
    max_gradient_norm=1,
    log_interval=1,
    checkpoint_interval=4,
    validation_interval=6,
    validation_examples=8,
)


def write_small_dataset(folder: Path) -> Path:
    """Pages that say of a thing whom it follows, meets, …; the same things in both languages. OUT."""
    dumps = folder / "dumps"
    dumps.mkdir()
    for language, article in (("en", "The"), ("de", "Die")):
        write_dump(dumps, language, [_page(language, article, number) for number in range(THINGS)])
        write_items(dumps, language, {number + 1: number + 1 for number in range(THINGS)})
    model = folder / "sentencepiece.bpe.model"
    model.write_bytes(sentencepiece_model(_pieces()))
    output = folder / "out"
    built = run(
        *("build", "--dumps", dumps, "--output", output, "--sentencepiece-model", model, IN_MEMORY),
        *("--validation-share", "0.1"),
    )
    assert built.status == 0, built.err
    return output


def with_other_entities(dataset: Path, folder: Path) -> Path:
    """A copy of the examples with a vocabulary of the same size, whose entities have other ids."""
    copy = Path(shutil.copytree(dataset, folder))
    path = copy / VOCABULARY_PARQUET
    table = pq.read_table(path)
    special = len(SPECIAL_ENTITIES)
    order = [*range(special), *reversed(range(special, len(table)))]
    moved = table.take(order).set_column(0, table.schema.field(0), table["entity_id"])
    pq.write_table(moved, path)
    with path.open("rb") as stream:
        _write_input(copy, "entities", EntityVocabulary.open(stream).fingerprint)
    return copy


def with_other_words(dataset: Path, folder: Path) -> Path:
    """A copy of the examples with a tokenizer of the same size, whose pieces have other ids."""
    copy = Path(shutil.copytree(dataset, folder))
    model = sentencepiece_model(reversed(_pieces()))
    (copy / TOKENIZER).write_bytes(model)
    _write_input(copy, "tokenizer", hashlib.sha256(model).hexdigest())
    return copy


def _write_input(output: Path, name: str, fingerprint: str) -> None:
    """Writes the fingerprint of an input into the manifest of each language's examples."""
    for path in (output / "examples").glob(f"*/{MANIFEST}"):
        manifest = json.loads(path.read_bytes())
        manifest["inputs"][name] = fingerprint
        path.write_text(json.dumps(manifest))


def _pieces() -> list[str]:
    things = [f"▁Thing{number:02}" for number in range(THINGS)]
    return [*things, *(f"▁{verb}" for verb in VERBS), "▁The", "▁Die", "▁", "."]


def _page(language: str, article: str, number: int) -> SmallPage:
    chance = random.Random(f"{language} {number}")
    sentences = [
        f"{article} Thing{number:02} {chance.choice(VERBS)} [[Thing{chance.randrange(THINGS):02}]] "
        f"{chance.choice(VERBS)} [[Thing{chance.randrange(THINGS):02}]]."
        for _ in range(chance.randrange(2, 12))
    ]
    return SmallPage(number + 1, f"Thing{number:02}", " ".join(sentences))


def command(*words: object, processes: int = 1, port: int = 0) -> list[str]:
    """A command line of `mlukit`, or of `train` under torchrun."""
    arguments = [str(word) for word in words]
    if processes == 1:
        return [sys.executable, "-m", "mlukit", *arguments]
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    return [*torchrun, "-m", "mlukit.pretraining", *arguments]


def environment() -> dict[str, str]:
    """One thread a process, so that sums are rounded alike on any machine and two processes share two cores."""
    return {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}


def do(*words: object, processes: int = 1) -> subprocess.CompletedProcess[str]:
    """Runs a command in processes of its own."""
    return subprocess.run(
        command(*words, processes=processes), capture_output=True, text=True, timeout=120, env=environment(), cwd=ROOT
    )


def metrics(run_folder: Path, kind: str = "") -> list[dict[str, Any]]:
    """The lines of metrics.jsonl without what differs between two equal runs: times and memory."""
    lines = [json.loads(line) for line in (run_folder / "metrics.jsonl").read_text().splitlines()]
    timed = ("tokens_per_second", "seconds_left", "memory_gib")
    return [
        {name: value for name, value in line.items() if name not in timed}
        for line in lines
        if kind in ("", line["kind"])
    ]
