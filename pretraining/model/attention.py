"""Attention in which every place of a packed stream sees the places of its own sequence alone.

Shape suffixes: N places of the stream, S sequences, L places of the longest, H hidden size, A attention heads, D size
of a head. Three ways give the same numbers:

- *varlen*: `torch.nn.attention.varlen`, the flash kernels of a CUDA device. It takes half precision, and no dropout.
- *sequence by sequence*: on a CPU, PyTorch's own flash kernel for each sequence, without padding. It is one operator to
  `torch.compile`, so that the shapes it sees stay the same from batch to batch. No dropout either.
- *grid*: the sequences side by side, padded to the longest. For all else: other devices, float32 on CUDA, dropout of
  attention weights, and entity-aware attention [LUKE, Yamada et al. 2020, section 3.2].
"""

from itertools import pairwise
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import dropout, scaled_dot_product_attention

from mlukit.pretraining.config import ModelConfig

try:
    from torch.nn.attention.varlen import varlen_attn
except ImportError:  # PyTorch before 2.10 has only the other two ways
    HAS_VARLEN = False
else:
    HAS_VARLEN = True


class Grid(NamedTuple):
    """The sequences of a stream side by side; those without a place are left out."""

    places_SL: Tensor  # which place of the stream; 0 beyond a sequence's end
    used_SL: Tensor  # False beyond a sequence's end

    def spread(self, stream_NAD: Tensor) -> Tensor:
        """From the stream to S x A x L x D."""
        return stream_NAD[self.places_SL].transpose(1, 2)

    def gather(self, grid_SALD: Tensor) -> Tensor:
        """The inverse of `spread`: sequences follow each other, and every place is in one."""
        return grid_SALD.transpose(1, 2)[self.used_SL]


class Sequences(NamedTuple):
    """Where the sequences of a stream are: the same for all layers."""

    starts_S1: Tensor  # int32, as in `Batch`
    longest: int
    is_entity_N: Tensor
    grid: Grid | None = None  # where attention goes by it


def sequences_of(starts_S1: Tensor, longest: int, entity_slots_E: Tensor, places: int, with_grid: bool) -> Sequences:
    """What every layer's attention wants to know of a batch.

    Args:
        starts_S1: `Batch.sequence_starts_S1`, the last of which is `places`.
        longest: a bound on the length of a sequence.
        entity_slots_E: `Batch.entity_slots_E`.
        places: words and entities of the stream, unused ones counted.
        with_grid: whether attention goes by the grid. Its size depends on the batch, and the device is waited for.
    """
    is_entity_N = torch.zeros(places, dtype=torch.bool, device=starts_S1.device).index_fill(0, entity_slots_E, True)
    return Sequences(starts_S1, longest, is_entity_N, _grid(starts_S1) if with_grid else None)


def _grid(starts_S1: Tensor) -> Grid:
    starts, lengths = starts_S1[:-1].long(), starts_S1.diff()
    starts, lengths = starts[lengths > 0, None], lengths[lengths > 0, None]
    columns_L = torch.arange(int(lengths.max()), device=starts.device)
    used_SL = columns_L < lengths
    return Grid(torch.where(used_SL, starts + columns_L, 0), used_SL)


def goes_by_grid(config: ModelConfig, device: torch.device, dtype: torch.dtype, training: bool) -> bool:
    """Whether nothing faster than the grid does what is asked for.

    Args:
        dtype: of queries, keys and values: under autocast, autocast's.
    """
    if config.entity_aware_attention or (training and config.attention_dropout > 0):
        return True
    if device.type == "cuda":
        half = dtype in (torch.float16, torch.bfloat16)
        return not HAS_VARLEN or not half or (config.hidden_size // config.heads) % 8 != 0
    return device.type != "cpu"


class Attention(nn.Module):
    """Multi-head self-attention, the output's projection included."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.heads = config.heads
        self.dropout = config.attention_dropout
        self.qkv = nn.Linear(config.hidden_size, 3 * config.hidden_size)
        if config.entity_aware_attention:  # of words to entities, entities to words, entities to entities
            self.entity_aware_queries: nn.Linear | None = nn.Linear(config.hidden_size, 3 * config.hidden_size)
        else:
            self.entity_aware_queries = None
        self.output = nn.Linear(config.hidden_size, config.hidden_size)

    def forward(self, stream_NH: Tensor, sequences: Sequences) -> Tensor:
        """What every place takes from its sequence."""
        query, key, value = self._three(self.qkv(stream_NH))
        p = self.dropout if self.training else 0.0
        if self.entity_aware_queries is not None:
            queries = (query, *self._three(self.entity_aware_queries(stream_NH)))
            taken_NAD = entity_aware_attention(queries, key, value, sequences, p)
        elif sequences.grid is not None:
            taken_NAD = grid_attention(query, key, value, sequences.grid, p)
        elif stream_NH.is_cuda:
            starts, longest = sequences.starts_S1, sequences.longest
            taken_NAD = cast(Tensor, varlen_attn(query, key, value, starts, starts, longest, longest))
        else:
            taken_NAD, _ = sequence_by_sequence(query, key, value, sequences.starts_S1)
        projected: Tensor = self.output(taken_NAD.flatten(1))
        return projected

    def _three(self, rows: Tensor) -> tuple[Tensor, ...]:
        return rows.view(len(rows), 3, self.heads, -1).unbind(1)


def grid_attention(query: Tensor, key: Tensor, value: Tensor, grid: Grid, p: float = 0.0) -> Tensor:
    """Attention over N x A x D by the grid; `p` is the dropout of its weights."""
    q, k, v = (grid.spread(x) for x in (query, key, value))
    return grid.gather(scaled_dot_product_attention(q, k, v, attn_mask=grid.used_SL[:, None, None], dropout_p=p))


def entity_aware_attention(
    queries: tuple[Tensor, ...], key: Tensor, value: Tensor, sequences: Sequences, p: float = 0.0
) -> Tensor:
    """Attention whose query depends on what is asked and who asks [LUKE, section 3.2].

    Args:
        queries: N x A x D each: of words to words, words to entities, entities to words, entities to entities.
    """
    grid, is_entity_N = sequences.grid, sequences.is_entity_N
    assert grid is not None
    to_words, to_entities = (
        torch.where(is_entity_N[:, None, None], of_entities, of_words)
        for of_words, of_entities in ((queries[0], queries[2]), (queries[1], queries[3]))
    )
    keys = grid.spread(key).transpose(2, 3) / key.shape[-1] ** 0.5
    asks_entity = is_entity_N[grid.places_SL][:, None, None]
    scores = torch.where(asks_entity, grid.spread(to_entities) @ keys, grid.spread(to_words) @ keys)
    weights = scores.masked_fill(~grid.used_SL[:, None, None], -torch.inf).softmax(-1)
    return grid.gather(dropout(weights, p) @ grid.spread(value))


@torch.library.custom_op("mlukit::attention_sequence_by_sequence", mutates_args=())
def sequence_by_sequence(query: Tensor, key: Tensor, value: Tensor, starts: Tensor) -> tuple[Tensor, Tensor]:
    """Attention over N x A x D on a CPU.

    Returns:
        What is taken, N x A x D, and the logarithms of the softmax's sums, N x A, for the backward pass.
    """
    taken = torch.empty_like(query, memory_format=torch.contiguous_format)
    log_sums = _log_sums_like(query)
    for places in _slices(starts):
        q, k, v = (_heads_first(x[places]) for x in (query, key, value))
        part, sums = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(q, k, v)
        taken[places] = _places_first(part)
        log_sums[places] = sums[0].T
    return taken, log_sums


@torch.library.custom_op("mlukit::attention_sequence_by_sequence_backward", mutates_args=())
def _sequence_by_sequence_backward(
    gradient: Tensor, query: Tensor, key: Tensor, value: Tensor, taken: Tensor, log_sums: Tensor, starts: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    gradients = tuple(torch.empty_like(x, memory_format=torch.contiguous_format) for x in (query, key, value))
    for places in _slices(starts):
        g, q, k, v, o = (_heads_first(x[places]) for x in (gradient, query, key, value, taken))
        sums = log_sums[places].T[None]
        parts = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward(g, q, k, v, o, sums, 0.0, False)
        for whole, part in zip(gradients, parts, strict=True):
            whole[places] = _places_first(part)
    return gradients[0], gradients[1], gradients[2]


def _slices(starts: Tensor) -> list[slice]:
    return [slice(start, end) for start, end in pairwise(starts.tolist()) if start < end]


def _heads_first(places_LAD: Tensor) -> Tensor:
    return places_LAD.transpose(0, 1)[None]


def _places_first(heads_1ALD: Tensor) -> Tensor:
    return heads_1ALD[0].transpose(0, 1)


def _log_sums_like(query: Tensor) -> Tensor:
    dtype = torch.float64 if query.dtype == torch.float64 else torch.float32
    return query.new_empty(query.shape[:2], dtype=dtype)


@sequence_by_sequence.register_fake
def _(query: Tensor, key: Tensor, value: Tensor, starts: Tensor) -> tuple[Tensor, Tensor]:
    return torch.empty_like(query, memory_format=torch.contiguous_format), _log_sums_like(query)


@_sequence_by_sequence_backward.register_fake
def _(gradient: Tensor, query: Tensor, key: Tensor, value: Tensor, *_: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    q, k, v = (torch.empty_like(x, memory_format=torch.contiguous_format) for x in (query, key, value))
    return q, k, v


def _keep_for_backward(ctx: Any, inputs: tuple[Tensor, ...], output: tuple[Tensor, Tensor]) -> None:
    query, key, value, starts = inputs
    taken, log_sums = output
    ctx.mark_non_differentiable(log_sums)
    ctx.save_for_backward(query, key, value, taken, log_sums, starts)


def _backward(ctx: Any, gradient: Tensor, _: Tensor) -> tuple[Tensor | None, ...]:
    gradients = _sequence_by_sequence_backward(gradient, *ctx.saved_tensors)
    return (*gradients, None)


sequence_by_sequence.register_autograd(_backward, setup_context=_keep_for_backward)
