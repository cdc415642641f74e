"""Measures how fast examples become batches, from Parquet to packed tensors, and how well a batch mixes the dump.

usage: python -P benchmarks/loading.py OUT [--copies 1] [--batch-size 2048] [--steps 20] [--world 1] [--keys-version 2]
  [--profile]

OUT is an output folder of `mlukit examples`. --copies writes the examples of each shard so many times, in row groups of
1,024, so that a small OUT is like a large one. One process on one thread loads the batches of the first rank.
(`-P`: or Python takes pretraining.py of this folder for the package.)

Prints:
- real tokens for each second of processor time and of wall time (arrow's threads and the reader's own are off), and the
  share of places that stay empty. The first steps compare the SHA-256 of the rank's share of the shards;
- the row groups in memory, and how many rows a rank reads beside its share, planned without reading;
- for two examples of a batch in one language: the median of their distance in the dump, as a share of the language (two
  random rows: 0.293), and the share of such pairs that are in one row group. 64 steps are looked at, without reading.

Results in million tokens for each second of processor time, on a machine that was busy with other work; invented
examples of 454 tokens or so in 24 languages, 1.6 million in 1,536 row groups, by 20 steps a line. "Read ahead" of
version 1 falls into the time when new windows are read:

    keys  ranks   first steps  next steps  read ahead   empty   memory    rows read for each row of the rank's share
    1         1           5.5         9.7         6.9    1.2%   1,097 MB   1.04
    1         8           2.2         7.5         2.5    3.6%     989 MB   8.28
    1        64           0.4         2.0         0.4    8.5%     978 MB  66.25
    2         1           1.2         7.4         8.1    1.0%   3,867 MB   1.04
    2         8           1.1         7.0         7.4    5.4%   1,055 MB   1.11
    2        64           1.3         3.8         4.3   17.0%     747 MB   1.79
"""

import argparse
import cProfile
import hashlib
import json
import pstats
import resource
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from mlukit.pretraining.config import DataConfig
from mlukit.pretraining.data.batch import Batch
from mlukit.pretraining.data.batches import BatchSource, prefetch, run_capacities, sampling_order
from mlukit.pretraining.data.dataset import ExampleDataset, RowGroup, open_dataset
from mlukit.pretraining.data.example_rows import ExampleRows
from mlukit.schemas.manifest import MANIFEST, Shard, dump_json
from mlukit.schemas.parquet import ParquetWriter

STAGE = 2
SHARD_ROWS = 16 * 1024
MIXED_STEPS = 64
EMPTY = ExampleRows(*(np.empty(0, np.int64) for _ in fields(ExampleRows)))  # type: ignore[arg-type]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="output folder of mlukit examples")
    parser.add_argument("--copies", type=int, default=1, help="copies of each shard")
    parser.add_argument("--batch-size", type=int, default=2048)
    parser.add_argument("--micro-batch-tokens", type=int, default=16_384)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--world", type=int, default=1, help="ranks; the first one's loading is measured")
    parser.add_argument("--keys-version", type=int, default=2, choices=(1, 2), help="1: as older runs")
    parser.add_argument("--shuffle-megabytes", type=int, default=DataConfig().shuffle_megabytes)
    parser.add_argument("--mask-mention-words", action="store_true")
    parser.add_argument("--profile", action="store_true")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    pa.set_cpu_count(1)
    with tempfile.TemporaryDirectory() as aside:
        measure(copied(asked.folder, Path(aside), asked.copies), asked)


def copied(folder: Path, aside: Path, copies: int) -> Path:
    """Writes an output folder that has each example of the Parquet shards so many times, in full row groups."""
    for part in ("vocabulary", "tokenizer"):
        (aside / part).symlink_to((folder / part).resolve())
    for manifest_path in sorted(folder.glob(f"examples/*/{MANIFEST}")):
        manifest = json.loads(manifest_path.read_bytes())
        language = aside / "examples" / manifest_path.parent.name
        language.mkdir(parents=True)
        manifest["shards"] = [
            copy
            for shard in manifest["shards"]
            if shard["path"].endswith(".parquet")
            for copy in copied_shard(folder / shard["path"], aside, shard["path"], copies)
        ]
        made = manifest["summary"]["examples"]
        made.update({name: number * copies for name, number in made.items()})
        manifest["flows"]["mentions"]["out"] *= copies
        (language / MANIFEST).write_bytes(dump_json(manifest))
    return aside


def copied_shard(source: Path, aside: Path, name: str, copies: int) -> Iterator[dict[str, Any]]:
    """Writes the rows of a shard `copies` times, as shards of about 16 row groups; equal shards are one file."""
    table = pq.read_table(source)
    each = min(copies, max(1, SHARD_ROWS // max(1, len(table))))
    written: dict[int, Path] = {}
    for number, first in enumerate(range(0, copies, each)):
        times = min(each, copies - first)
        path = aside / name.replace(".parquet", f"-{number:05}.parquet")
        if times in written:
            path.symlink_to(written[times])
        else:
            with path.open("wb") as stream, ParquetWriter(stream, table.schema) as writer:
                writer.write(pa.concat_tables([table] * times).combine_chunks())
            written[times] = path
        data = path.read_bytes()
        yield Shard(
            str(path.relative_to(aside)), len(table) * times, len(data), hashlib.sha256(data).hexdigest()
        ).to_json()


def measure(folder: Path, asked: argparse.Namespace) -> None:
    config = DataConfig(
        batch_size=asked.batch_size,
        micro_batch_tokens=asked.micro_batch_tokens,
        mask_mention_words=asked.mask_mention_words,
        keys_version=asked.keys_version,
        shuffle_megabytes=asked.shuffle_megabytes,
    )
    started = time.perf_counter()
    dataset = open_dataset(folder, config)
    examples = sum(dataset.train_examples.values())
    groups = sum(group.split == "train" for groups in dataset.groups.values() for group in groups)
    seconds = time.perf_counter() - started
    print(
        f"{examples:,} examples in {len(dataset.languages)} languages, {groups:,} row groups, opened in {seconds:.1f} s"
    )
    source = BatchSource(dataset, config, STAGE)
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
    print(f"{source.groups_in_memory} row groups in memory")
    reading(dataset, config, asked.world)
    mixing(dataset, config)


class Planned(BatchSource):
    """Counts the rows that would be read, and reads nothing."""

    read = 0

    def plan(self, step: int, rank: int, world: int) -> None:
        first, size = step * self._config.batch_size, self._config.batch_size
        share = (rank, world) if self._config.keys_version > 1 else (0, 1)
        self._read_draws(self._order.drawn_rows(first, size, *share))

    def _read(self, group: RowGroup) -> ExampleRows:
        self.read += group.rows
        return EMPTY


def reading(dataset: ExampleDataset, config: DataConfig, world: int) -> None:
    """Prints how many rows the first rank reads while all ranks take as many examples as there are."""
    source, examples = Planned(dataset, config, STAGE), sum(dataset.train_examples.values())
    steps = max(1, examples // config.batch_size)
    for step in range(steps):
        source.plan(step, 0, world)
    share = steps * config.batch_size / world
    print(
        f"in {steps:,} steps, which take as many examples as there are, a rank of {world} reads {source.read:,} rows, "
        f"{source.read / share:.2f} times its share"
    )


def mixing(dataset: ExampleDataset, config: DataConfig) -> None:
    """Prints how far apart two examples of one batch and one language are in the dump, over all pairs of 64 steps."""
    order = sampling_order(dataset, config, STAGE)
    firsts = {language: np.array([g.first_row for g in groups]) for language, groups in dataset.groups.items()}
    distances, together, pairs = [], 0, 0
    for step in range(MIXED_STEPS):
        drawn_groups, drawn_rows = defaultdict(list), defaultdict(list)
        for drawn in order.drawn_rows(step * config.batch_size, config.batch_size):
            drawn_groups[drawn.language].append(np.full(len(drawn.rows), drawn.group))
            drawn_rows[drawn.language].append(firsts[drawn.language][drawn.group] + drawn.rows)
        for language, parts in drawn_rows.items():
            rows, groups = np.concatenate(parts), np.concatenate(drawn_groups[language])
            first, second = np.triu_indices(len(rows), 1)
            distances.append(np.abs(rows[first] - rows[second]) / dataset.train_examples[language])
            together += int((groups[first] == groups[second]).sum())
            pairs += len(first)
    median = np.median(np.concatenate(distances))
    print(f"two examples of a batch and a language: {median:.3f} of the language apart (median), ", end="")
    print(f"{together / pairs:.1%} in one row group")


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
