"""Measures how fast examples become batches: from Parquet to masked, packed tensors, in one process, on one thread.

usage: python -P benchmarks/loading.py OUT [--copies 1] [--batch-size 2048] [--steps 20] [--world 1] [--profile]

OUT is an output folder of `mlukit examples`; --copies repeats its shards, so that a small folder acts like a large one.
Prints real tokens per second of processor time and of wall time (without threads of Arrow and of the reader), and the
share of positions that stay empty. The first steps also check the SHA-256 of the shards.
(Without `-P`, Python would import pretraining.py of this folder in place of the package.)

Results in million tokens per second of processor time, on a machine that was busy with other work, with examples of
real dumps in 25 languages by XLM-R's tokenizer (9,154 examples of 454 tokens on average; 20 steps). Each of 8 ranks
reads all examples of a step and uses an eighth of them:

    copies  examples  ranks   first steps  next steps  read ahead   empty   memory
    5         45,770      1           8.9        10.5        10.5    1.3%   894 MB
    40       366,160      1           7.1         8.2         8.8    1.4%   899 MB
    10        91,540      8           1.8         2.3         2.4    3.8%   842 MB
"""

import argparse
import cProfile
import json
import pstats
import resource
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
import torch

from mlukit.pretraining.config import DataConfig
from mlukit.pretraining.data.batch import Batch
from mlukit.pretraining.data.batches import BatchSource, prefetch, run_capacities
from mlukit.pretraining.data.dataset import open_dataset
from mlukit.schemas.manifest import MANIFEST, dump_json


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="output folder of mlukit examples")
    parser.add_argument("--copies", type=int, default=1, help="copies of each shard")
    parser.add_argument("--batch-size", type=int, default=2048)
    parser.add_argument("--micro-batch-tokens", type=int, default=16_384)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--world", type=int, default=1, help="number of ranks, of which the first is measured")
    parser.add_argument("--mask-mention-words", action="store_true")
    parser.add_argument("--profile", action="store_true")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    pa.set_cpu_count(1)
    with tempfile.TemporaryDirectory() as aside:
        measure(copied(asked.folder, Path(aside), asked.copies), asked)


def copied(folder: Path, aside: Path, copies: int) -> Path:
    """Makes an output folder in which each Parquet shard of the examples is repeated `copies` times."""
    for part in ("vocabulary", "tokenizer"):
        (aside / part).symlink_to((folder / part).resolve())
    for manifest_path in sorted(folder.glob(f"examples/*/{MANIFEST}")):
        manifest = json.loads(manifest_path.read_bytes())
        language = aside / "examples" / manifest_path.parent.name
        language.mkdir(parents=True)
        shards = []
        for shard in (shard for shard in manifest["shards"] if shard["path"].endswith(".parquet")):
            for number in range(copies):
                name = shard["path"].replace(".parquet", f"-{number:05}.parquet")
                shutil.copyfile(folder / shard["path"], aside / name)
                shards.append(shard | {"path": name})
        manifest["shards"] = shards
        made = manifest["summary"]["examples"]
        made.update({name: number * copies for name, number in made.items()})
        manifest["flows"]["mentions"]["out"] *= copies
        (language / MANIFEST).write_bytes(dump_json(manifest))
    return aside


def measure(folder: Path, asked: argparse.Namespace) -> None:
    config = DataConfig(
        batch_size=asked.batch_size,
        micro_batch_tokens=asked.micro_batch_tokens,
        mask_mention_words=asked.mask_mention_words,
    )
    started = time.perf_counter()
    dataset = open_dataset(folder, config)
    examples = sum(dataset.train_examples.values())
    seconds = time.perf_counter() - started
    print(f"{examples:,} examples in {len(dataset.languages)} languages, opened in {seconds:.1f} s")
    source = BatchSource(dataset, config)
    print(run_capacities(dataset, config, asked.world))
    for name, first in (("first steps", 0), ("next steps", asked.steps)):
        profile, wall, cpu = cProfile.Profile(), time.perf_counter(), time.process_time()
        if asked.profile:
            profile.enable()
        counts = count(source.step(step, 0, asked.world) for step in range(first, first + asked.steps))
        profile.disable()
        report(name, counts, asked.steps, time.perf_counter() - wall, time.process_time() - cpu)
        if asked.profile:
            pstats.Stats(profile).sort_stats("tottime").print_stats(25)
    wall, cpu = time.perf_counter(), time.process_time()
    ahead = prefetch(source, 2 * asked.steps, asked.steps, 0, asked.world)
    report(
        "read ahead",
        count(batches for _, batches in ahead),
        asked.steps,
        time.perf_counter() - wall,
        time.process_time() - cpu,
    )
    print(f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MB at most")


def count(steps: Iterable[list[Batch]]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for batches in steps:
        for batch in batches:
            counts["micro-batches"] += 1
            counts["words"] += batch.words
            counts["entities"] += batch.entities
            counts["word places"] += len(batch.token_ids_W)
            counts["entity places"] += len(batch.entity_ids_E)
    return counts


def report(name: str, counts: Counter[str], steps: int, wall: float, cpu: float) -> None:
    words, places = counts["words"], counts["word places"] + counts["entity places"]
    print(
        f"{name:12} {words / cpu / 1e6:6.2f} M tokens/s of processor time, {words / wall / 1e6:6.2f} of wall time; "
        f"{counts['micro-batches'] / steps:.1f} micro-batches a step; empty: {1 - words / counts['word places']:.1%} "
        f"of the words' places, {1 - (words + counts['entities']) / places:.1%} of all"
    )


if __name__ == "__main__":
    main()
