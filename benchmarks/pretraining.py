"""Checks mlukit's training on a GPU, measures its speed, and compares with `LukeForMaskedLM` of transformers.

usage: python benchmarks/pretraining.py [--minutes 8] [--parts PART …] [--examples OUT/examples]

Each result is printed as soon as it is there. The parts, in this order:

- varlen: attention with empty sequences by each kernel of `varlen_attn`: how far its numbers are from the CPU's, by the
  norm of the difference, as a share of the norm;
- tests: the tests with the mark `cuda`;
- base: the base model of mlukit, with each size of micro-batch;
- transformers: the base model of transformers, tuned and plain;
- large: the large model of mlukit, with the larger micro-batch.

Each check and each contestant runs in a separate process. If one fails, or takes longer than its share of --minutes, a
line says so, and the rest goes on; time that is left goes to the following ones. Status 0: everything ran. 1: something
failed. 2: there is no CUDA GPU. `--smoke` tries the script with a tiny model on a CPU, in one process. `--device cpu`
measures on a CPU, in one thread.

The contestants:

- plain: padded batches, float32, logits at every position, PyTorch's default AdamW;
- tuned: the same model with what a user can change from outside: bfloat16 by autocast, logits only at masked positions,
  `torch.compile` of the encoder, the fused AdamW;
- mlukit: `pretraining` in the same way as `mlukit train`.

All train on examples of the same distribution, with the same dropout. The ids in the examples are random. The numbers
of words and entities, and the lengths of mentions, are those of real examples: from a folder that `mlukit examples`
wrote, or otherwise from SHAPES. A line has:

- words/s: real words (without padding and entities) per second of forward and backward passes, with one update of the
  optimizer per 2,048 examples; on a CPU by processor time, which other work disturbs less;
- MFU: model FLOPs utilisation, by `training.flops`: the operations that the model needs at least for these examples,
  the same for all, divided by the peak of the device in bfloat16; no number if the peak is not known;
- GiB: on CUDA, the maximum that PyTorch allocated; on a CPU, the maximum resident memory of the process;
- optimizer s: the time of an update.

A micro-batch that does not fit into the device's memory is halved until it does. docs/pretraining-speed.md has results.
"""

import argparse
import contextlib
import gc
import io
import os
import platform
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import cycle, islice
from pathlib import Path
from typing import Any, cast

import numpy as np
import pyarrow.parquet as pq
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # before this folder, where `pretraining` is this file

from mlukit.pretraining.config import MODELS, DataConfig, ModelConfig, ModelSize, TrainingConfig
from mlukit.pretraining.data.batch import IGNORED, Batch
from mlukit.pretraining.data.batch_counts import Counts
from mlukit.pretraining.data.counter_random import random_bits
from mlukit.pretraining.data.example_rows import ExampleRows, offsets_of
from mlukit.pretraining.data.masking import MaskedRows, mask_rows
from mlukit.pretraining.data.packing import capacities, fill_batch, pack, sizes_of
from mlukit.pretraining.hugging_face.luke_config import luke_config
from mlukit.pretraining.hugging_face.names import to_hugging_face
from mlukit.pretraining.model.model import PretrainingModel
from mlukit.pretraining.training.flops import peak_flops, step_flops
from mlukit.pretraining.training.optimizer import make_optimizer
from mlukit.pretraining.training.parallel import accumulating

# Words (<s> and </s> counted) and entities of 64 of 10,024 examples that mlukit made of real Wikipedia pages in 25
# languages, with XLM-R's SentencePiece model: chosen so that means (454 words, 6.9 entities) and quantiles are theirs.
SHAPES = """
21,1 45,2 102,4 147,2 156,2 308,1 321,1 389,10 411,19 440,9 456,4 460,2 466,2 467,23 470,12 472,3 472,8 475,9 478,11
479,5 480,6 480,23 484,2 484,7 484,9 485,1 487,16 488,5 488,8 488,8 488,21 490,1 493,6 494,1 495,6 497,2 498,2 498,5
498,5 498,8 498,9 498,17 500,6 500,8 500,8 500,9 500,15 501,5 502,5 502,5 503,1 504,11 506,4 506,9 508,2 508,5 509,4
509,5 509,17 510,3 510,7 511,2 511,7 511,11
"""
MENTION_TOKENS = (1, 1, 1, 1, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 4, 4, 4, 5, 6, 8)  # quantiles of the same examples
ROOT = Path(__file__).resolve().parents[1]
CUDA_TESTS = "tests/pretraining/model/test_cuda.py"
EXAMPLES_A_STEP = DataConfig().batch_size
OPTIMIZER_STEPS = 3


@dataclass(frozen=True)
class Result:
    """The measurements of a contestant."""

    micro_batch: int  # in words for mlukit, in examples for transformers
    words_per_second: float
    utilisation: float | None
    gibibytes: float
    optimizer_seconds: float


class Contestant:
    """Something that trains: a model, its optimizer, and micro-batches of the examples."""

    model: Any
    optimizer: torch.optim.Optimizer
    warm_up = 3  # micro-batches, after which everything is compiled

    def __init__(self, config: ModelConfig, device: torch.device, compiled: bool) -> None:
        self.config, self.device, self.compiled = config, device, compiled

    def micro_batches(self, masked: MaskedRows, size: int) -> list[Any]:
        """Cuts the examples into micro-batches of a size."""
        raise NotImplementedError

    def loss(self, micro_batch: Any) -> Tensor:
        """The loss of a micro-batch."""
        raise NotImplementedError

    def add_gradients(self, micro_batch: Any) -> None:
        """Runs forward and backward of a micro-batch."""
        torch.autograd.backward(self.loss(micro_batch))


class Ours(Contestant):
    """The model of `pretraining`; the size of a micro-batch is in words."""

    def __init__(self, config: ModelConfig, device: torch.device, compiled: bool) -> None:
        super().__init__(config, device, compiled)
        with device:
            self.model = PretrainingModel(config).train()
        if compiled:
            self.model.compile_parts()
        self.optimizer = make_optimizer(self.model, TrainingConfig())

    def micro_batches(self, masked: MaskedRows, size: int) -> list[Batch]:
        return packed(masked, size)

    def loss(self, micro_batch: Batch) -> Tensor:
        with torch.autocast(self.device.type, torch.bfloat16):
            losses = self.model(micro_batch.to(self.device))
        loss: Tensor = losses.words / max(1, micro_batch.word_targets) + losses.entities / max(
            1, micro_batch.entity_targets
        )
        return loss

    def add_gradients(self, micro_batch: Batch) -> None:
        with accumulating(self.model, last=False):
            super().add_gradients(micro_batch)


class Plain(Contestant):
    """`LukeForMaskedLM` as its documentation shows it; the size of a micro-batch is in examples."""

    warm_up = 0  # beyond the one that shows whether its like fit into memory

    def __init__(self, config: ModelConfig, device: torch.device, compiled: bool) -> None:
        super().__init__(config, device, compiled)
        with device:
            self.model = luke(config).train()
        self.optimizer = self._optimizer()

    def _optimizer(self) -> torch.optim.Optimizer:
        return torch.optim.AdamW(self.model.parameters(), lr=1e-4, weight_decay=0.01)

    def micro_batches(self, masked: MaskedRows, size: int) -> list[dict[str, Tensor]]:
        return [padded(masked, range(at, min(at + size, len(masked.rows)))) for at in range(0, len(masked.rows), size)]

    def loss(self, micro_batch: Mapping[str, Tensor]) -> Tensor:
        return cast(Tensor, self.model(**self._moved(micro_batch)).loss)

    def _moved(self, micro_batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {name: value.to(self.device, non_blocking=True) for name, value in micro_batch.items()}


class Tuned(Plain):
    """The same model, as fast as possible without changes to the code of transformers."""

    warm_up = 3

    def __init__(self, config: ModelConfig, device: torch.device, compiled: bool) -> None:
        super().__init__(config, device, compiled)
        self.luke = torch.compile(self.model.luke, dynamic=True) if compiled else self.model.luke

    def _optimizer(self) -> torch.optim.Optimizer:
        return torch.optim.AdamW(self.model.parameters(), lr=1e-4, weight_decay=0.01, fused=True)

    def loss(self, micro_batch: Mapping[str, Tensor]) -> Tensor:
        inputs = self._moved(micro_batch)
        labels, entity_labels = inputs.pop("labels"), inputs.pop("entity_labels")
        with torch.autocast(self.device.type, torch.bfloat16):
            out = self.luke(**inputs)
            masked, masked_entities = labels != IGNORED, entity_labels != IGNORED
            words = cross_entropy(self.model.lm_head(out.last_hidden_state[masked]), labels[masked])
            vectors = out.entity_last_hidden_state[masked_entities]
            return words + cross_entropy(self.model.entity_predictions(vectors), entity_labels[masked_entities])


KINDS: Mapping[str, type[Contestant]] = {"plain": Plain, "tuned": Tuned, "ours": Ours}


def luke(config: ModelConfig) -> nn.Module:
    """Makes a `LukeForMaskedLM` with the parameters of a new model of mlukit, and with a tied word decoder."""
    from transformers import LukeConfig, LukeForMaskedLM

    state = dict(to_hugging_face(config, PretrainingModel(config).state_dict()))
    shape = {**luke_config(config, config.attention_dropout), "vocab_size": config.vocabulary_size}  # no rows for tasks
    shape["use_entity_aware_attention"] = False
    with torch.device("meta"):
        model = LukeForMaskedLM(LukeConfig.from_dict(shape))
    model.luke.pooler = None  # not used here; saves its parameters
    model.load_state_dict(state, strict=False, assign=True)
    model.lm_head.decoder.weight = model.luke.embeddings.word_embeddings.weight
    model.lm_head.decoder.bias = model.lm_head.bias
    model.entity_predictions.decoder.weight = model.luke.entity_embeddings.entity_embeddings.weight
    if left := [name for name, p in model.named_parameters() if p.is_meta]:
        raise RuntimeError(f"{left[0]} of LukeForMaskedLM has no counterpart in ours")
    return cast(nn.Module, model.requires_grad_())


def random_rows(
    shapes: Sequence[tuple[int, int]], mentions: Sequence[int], count: int, config: ModelConfig
) -> ExampleRows:
    """Makes examples of random ids, with shapes and lengths of mentions drawn from the given ones."""
    chance = np.random.default_rng(1)
    words, entities = np.array(shapes)[chance.integers(len(shapes), size=count)].T
    tokens = chance.integers(4, config.mask_id, words.sum(), dtype=np.int32)
    offsets = offsets_of(words)
    tokens[offsets[:-1]], tokens[offsets[1:] - 1] = config.bos_id, config.eos_id
    lengths = np.minimum(np.array(mentions)[chance.integers(len(mentions), size=entities.sum())], 8)
    starts = 1 + (chance.random(entities.sum()) * np.repeat(words - 10, entities)).astype(np.int64)
    return ExampleRows(
        token_ids=tokens,
        token_offsets=offsets,
        entity_ids=chance.integers(4, config.entity_vocabulary_size, entities.sum(), dtype=np.int32),
        entity_starts=starts.astype(np.int32),
        entity_ends=(starts + lengths).astype(np.int32),
        entity_offsets=offsets_of(entities),
        keys=random_bits(np.uint64(1), np.arange(count)),
    )


def shapes_of(folder: Path) -> tuple[list[tuple[int, int]], list[int]]:
    """The numbers of words and entities of every example in a folder, and of tokens of every mention."""
    shapes: list[tuple[int, int]] = []
    mentions: list[int] = []
    for path in sorted(folder.glob("*/*.parquet")):
        table = pq.read_table(path, columns=["token_ids", "entity_starts", "entity_ends"])
        words, starts, ends = (table[name].combine_chunks() for name in table.column_names)
        shapes += zip(words.value_lengths().to_pylist(), starts.value_lengths().to_pylist(), strict=True)
        mentions += (ends.flatten().to_numpy() - starts.flatten().to_numpy()).tolist()
    if not mentions:
        raise SystemExit(f"{folder} has no examples with entities in LANGUAGE/*.parquet")
    return [shape for shape in shapes if shape[0] > 10], mentions


def packed(masked: MaskedRows, words: int) -> list[Batch]:
    """Packs examples in the same way as `mlukit train`."""
    data = DataConfig(micro_batch_tokens=words)
    room = capacities(data, float(masked.rows.tokens.mean()), float(masked.rows.entities.mean()))
    return [fill_batch(masked, examples, room) for examples in pack(sizes_of(masked), room.limits)]


def padded(masked: MaskedRows, examples: range) -> dict[str, Tensor]:
    """Pads examples like the collators of transformers: to the longest of the batch, rounded up to a multiple of 8."""
    rows, count = masked.rows, len(examples)
    words, entities, mention = (
        -(-int(max(n)) // 8) * 8
        for n in (rows.tokens[examples], rows.entities[examples], rows.entity_ends - rows.entity_starts)
    )
    ids, labels = torch.full((count, words), 1), torch.full((count, words), IGNORED)
    entity_ids, entity_labels = torch.full((count, entities), 0), torch.full((count, entities), IGNORED)
    positions = torch.full((count, entities, mention), -1)
    for row, example in enumerate(examples):
        tokens = slice(*rows.token_offsets[example : example + 2])
        own = slice(*rows.entity_offsets[example : example + 2])
        ids[row, : tokens.stop - tokens.start] = torch.from_numpy(masked.token_ids[tokens])
        entity_ids[row, : own.stop - own.start] = torch.from_numpy(masked.entity_ids[own])
        for target in masked.word_targets[slice(*masked.word_target_offsets[example : example + 2])]:
            labels[row, target - tokens.start] = int(rows.token_ids[target])
        for target in masked.entity_targets[slice(*masked.entity_target_offsets[example : example + 2])]:
            entity_labels[row, target - own.start] = int(rows.entity_ids[target])
        for n, (start, end) in enumerate(zip(rows.entity_starts[own], rows.entity_ends[own], strict=True)):
            positions[row, n, : end - start] = torch.arange(int(start), int(end))
    return {
        "input_ids": ids,
        "attention_mask": (ids != 1).long(),
        "labels": labels,
        "entity_ids": entity_ids,
        "entity_attention_mask": (entity_ids != 0).long(),
        "entity_position_ids": positions,
        "entity_labels": entity_labels,
    }


def measure(contestant: Contestant, masked: MaskedRows, size: int, seconds: float) -> Result:
    """Trains on the examples repeatedly, for the given number of seconds."""
    size, micro_batches = fitting(contestant, masked, size)
    train(contestant, islice(cycle(micro_batches), contestant.warm_up))
    passes, spent = 0, 0.0
    while spent < seconds:
        spent += timed(contestant.device, lambda: train(contestant, micro_batches))
        passes += 1
    contestant.optimizer.step()
    update = timed(contestant.device, lambda: [contestant.optimizer.step() for _ in range(OPTIMIZER_STEPS)])
    update /= OPTIMIZER_STEPS
    counts = Counts.from_batches(packed(masked, 16_384))
    spent = spent / passes + update * counts.examples / EXAMPLES_A_STEP
    peak = peak_flops(torch.cuda.get_device_name()) if contestant.device.type == "cuda" else None
    achieved = step_flops(contestant.config, counts, frozen=False) / spent
    return Result(size, counts.words / spent, achieved / peak if peak else None, memory(contestant.device), update)


def train(contestant: Contestant, micro_batches: Iterable[Any]) -> None:
    """Runs forward and backward passes of each micro-batch."""
    for micro_batch in micro_batches:
        contestant.add_gradients(micro_batch)


def fitting(contestant: Contestant, masked: MaskedRows, size: int) -> tuple[int, list[Any]]:
    """The largest micro-batches that fit into memory: of `size`, of half of `size`, and so on."""
    while True:
        micro_batches = contestant.micro_batches(masked, size)
        try:
            train(contestant, [max(micro_batches, key=elements)])
            return size, micro_batches
        except torch.OutOfMemoryError:
            if size <= 1:
                raise
        contestant.model.zero_grad()
        gc.collect()
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        size //= 2


def elements(micro_batch: Any) -> int:
    """The size of a micro-batch, for comparisons."""
    return micro_batch.words if isinstance(micro_batch, Batch) else micro_batch["input_ids"].numel()


def timed(device: torch.device, work: Callable[[], object]) -> float:
    """The seconds of some work, including the work of the device; on a CPU, seconds of processor time."""
    clock = time.perf_counter if device.type == "cuda" else time.process_time
    wait(device)
    start = clock()
    work()
    wait(device)
    return clock() - start


def wait(device: torch.device) -> None:
    """Waits until the device has done all its work."""
    if device.type == "cuda":
        torch.cuda.synchronize()


def memory(device: torch.device) -> float:
    """The peak memory in GiB."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated() / 2**30
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def contest(kind: str, size: ModelSize, micro_batch: int, arguments: argparse.Namespace) -> Result:
    """Measures one contestant with a model, in this process."""
    device = torch.device(arguments.device)
    if arguments.device == "cpu":
        torch.set_num_threads(1)
    torch.manual_seed(0)
    config = replace(
        MODELS[size],
        vocabulary_size=arguments.vocabulary,
        entity_vocabulary_size=arguments.entities,
        layers=arguments.layers or MODELS[size].layers,
    )
    if arguments.examples:
        shapes, mentions = shapes_of(arguments.examples)
    else:
        shapes = [(int(words), int(entities)) for words, entities in (pair.split(",") for pair in SHAPES.split())]
        mentions = list(MENTION_TOKENS)
    count = arguments.count if kind == "ours" else arguments.padded_count
    masked = mask_rows(random_rows(shapes, mentions, count, config), DataConfig(), config.vocabulary_size)
    return measure(KINDS[kind](config, device, not arguments.no_compile), masked, micro_batch, arguments.seconds)


@dataclass(frozen=True)
class Step:
    """A process of the benchmark.

    Attributes:
        part: the part it belongs to.
        share: of the time, in eight minutes.
        name: how its line begins.
        arguments: of `--only`.
        gpu: whether it needs a GPU.
    """

    part: str
    share: float
    name: str
    arguments: tuple[str, ...]
    gpu: bool = False


PARTS = ("varlen", "tests", "base", "transformers", "large")


def steps(arguments: argparse.Namespace) -> list[Step]:
    """The processes of the chosen parts; their shares are seconds of eight minutes."""
    base, large = ("tiny", "tiny") if arguments.smoke else ("base", "large")
    sizes, padded_size = arguments.words, str(arguments.padded)
    every = [
        Step("varlen", 30, "attention", ("varlen",), gpu=True),
        Step("tests", 80, "tests", ("tests",), gpu=True),
        *(Step("base", 110 / len(sizes), f"{base}, mlukit", ("ours", base, str(words))) for words in sizes),
        Step("transformers", 110, f"{base}, tuned", ("tuned", base, padded_size)),
        Step("transformers", 50, f"{base}, plain", ("plain", base, padded_size)),
        Step("large", 100, f"{large}, mlukit", ("ours", large, str(max(sizes)))),
    ]
    return [step for step in every if step.part in arguments.parts]


def only(arguments: argparse.Namespace) -> int:
    """Does the work of one step, in this process."""
    kind, *rest = arguments.only
    if kind == "varlen":
        from tests.pretraining.cuda_against_cpu import attention_differences, kernels_of_varlen

        for kernel in kernels_of_varlen():
            shares = attention_differences(kernel)
            print(f"{kernel}:", ", ".join(f"{name} {share:.4f}" for name, share in shares.items()), flush=True)
    elif kind == "tests":
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-n",
            "0",
            "-rs",
            "-m",
            "cuda",
            "tests/pretraining/model/test_cuda.py",
        ]
        return subprocess.run(command, cwd=ROOT, check=False).returncode
    else:
        size, micro_batch = rest
        print(row(contest(kind, cast(ModelSize, size), int(micro_batch), arguments)))
    return 0


def run(step: Step, seconds: float) -> str:
    """Does a step in a separate process; returns what is wrong, or an empty text."""
    command = [sys.executable, __file__, *sys.argv[1:], "--only", *step.arguments]
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    process = subprocess.Popen(command, **pipes, start_new_session=True)
    try:
        out, errors = process.communicate(timeout=max(0, seconds))
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)  # with the processes that compile
        out, errors = process.communicate()
        errors += f"\nnot done within {seconds:.0f} s"
    show(step, out)
    return "" if process.returncode == 0 else (errors.strip() or out.strip() or "no output").splitlines()[-1]


def run_here(step: Step, arguments: argparse.Namespace) -> str:
    """Does a step in this process; returns what is wrong, or an empty text."""
    out = io.StringIO()
    try:
        with contextlib.redirect_stdout(out):
            status = only(argparse.Namespace(**{**vars(arguments), "only": step.arguments}))
    except Exception as error:
        return f"{type(error).__name__}: {error}".splitlines()[0]
    show(step, out.getvalue())
    return f"status {status}" if status else ""


def show(step: Step, output: str) -> None:
    """Prints the output of a step, each line with the name of the step."""
    for line in filter(str.strip, output.splitlines()):
        print(f"{step.name:<14} {line}", flush=True)


def row(result: Result) -> str:
    """The line of a contestant, below HEADER."""
    utilisation = "-" if result.utilisation is None else f"{result.utilisation:.1%}"
    return (
        f"{result.micro_batch:>11,} {result.words_per_second:>12,.0f} {utilisation:>7} "
        f"{result.gibibytes:>7.1f} {result.optimizer_seconds:>11.3f}"
    )


HEADER = f"{'':<14} micro-batch      words/s     MFU     GiB optimizer s"


def device_name(device: str) -> str:
    """The name of the device."""
    if device == "cuda":
        return torch.cuda.get_device_name()
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    names = [line.partition(": ")[2] for line in lines if line.startswith("model name")]
    amx = ", with AMX bfloat16" if any("amx_bf16" in line for line in lines) else ""
    return f"one core of {names[0] if names else platform.processor()}{amx}"


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=8, help="time for everything")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--smoke", action="store_true", help="a tiny model on a CPU, in seconds")
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    parser.add_argument("--examples", type=Path, help="a folder of examples, whose shapes are used")
    parser.add_argument("--count", type=int, default=2048, help="number of examples for mlukit")
    parser.add_argument("--padded-count", type=int, default=256, help="number of examples for transformers, slower")
    parser.add_argument(
        "--words", type=int, nargs="+", default=[65_536, 16_384], help="words in a micro-batch of mlukit, at most"
    )
    parser.add_argument("--padded", type=int, default=64, help="examples in a padded micro-batch, at most")
    parser.add_argument("--vocabulary", type=int, default=250_002, help="number of words")
    parser.add_argument("--entities", type=int, default=1_200_000, help="number of entities")
    parser.add_argument("--layers", type=int, default=0, help="number of layers (default: the number of the model)")
    parser.add_argument("--seconds", type=float, default=8, help="minimum seconds of measuring, after warming up")
    parser.add_argument("--no-compile", action="store_true", help="do not use torch.compile, which needs a compiler")
    parser.add_argument("--only", nargs="+", help=argparse.SUPPRESS)
    asked = parser.parse_args(arguments)
    if asked.smoke:
        parser.set_defaults(device="cpu", count=8, padded_count=4, words=[2048, 1024], padded=2)
        parser.set_defaults(vocabulary=1000, entities=500, seconds=0.01, no_compile=True)
        return parser.parse_args(arguments)
    return asked


def deadlines(chosen: Sequence[Step], seconds: float) -> Iterator[float]:
    """When each step must end, in seconds after the start: what a step leaves goes to the following ones."""
    whole, so_far = sum(step.share for step in chosen), 0.0
    for step in chosen:
        so_far += step.share
        yield seconds * so_far / whole


def main() -> int:
    """Runs the chosen parts; returns the exit status."""
    arguments = parse()
    if arguments.only:
        return only(arguments)
    if arguments.device == "cuda" and not torch.cuda.is_available():
        print(
            "there is no CUDA GPU: --smoke tries the script on a CPU, --device cpu measures on a CPU", file=sys.stderr
        )
        return 2
    start = time.monotonic()
    print(f"torch {torch.__version__}, {device_name(arguments.device)}")
    print(f"{arguments.vocabulary:,} words, {arguments.entities:,} entities")
    print(HEADER, flush=True)
    failed, chosen = False, steps(arguments)
    for step, deadline in zip(chosen, deadlines(chosen, 60 * arguments.minutes), strict=True):
        if step.gpu and arguments.device == "cpu":
            print(f"{step.name:<14} left out: needs a CUDA GPU", flush=True)
            continue
        seconds = start + deadline - time.monotonic()
        if problem := run_here(step, arguments) if arguments.smoke else run(step, seconds):
            print(f"{step.name:<14} failed: {problem}", flush=True)
            failed = True
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
