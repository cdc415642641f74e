"""Computes attention in which every place of a packed stream sees only the places of its own sequence.

Shape suffixes: N places of the stream, P places whose output is wanted, S sequences, L places of the longest, H hidden
size, A attention heads, D size of a head. There are three ways to compute attention, with the same results:

- *varlen*: `torch.nn.attention.varlen`, the flash kernels of a CUDA device. They need half precision and have
  no dropout.
- *sequence by sequence*: on a CPU, PyTorch's own flash kernel for each sequence, without padding or dropout.
  `torch.compile` sees one operator, whose shapes are the same for every batch.
- *padded*: all sequences are padded to the longest sequence. For all other cases: other devices, float32 on CUDA,
  dropout of attention weights, and entity-aware attention [LUKE, Yamada et al. 2020, section 3.2].
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


class PaddedBatch(NamedTuple):
    """The sequences of a stream as rows of the same length, without empty sequences."""

    places_SL: Tensor  # the place in the stream; 0 after the end of a sequence
    used_SL: Tensor  # False after the end of a sequence

    def pad(self, stream_NAD: Tensor) -> Tensor:
        """Returns vectors of the stream as S x A x L x D."""
        return stream_NAD[self.places_SL].transpose(1, 2)

    def unpad(self, padded_SALD: Tensor) -> Tensor:
        """Returns padded vectors as a stream without padding: the inverse of `pad`."""
        return padded_SALD.transpose(1, 2)[self.used_SL]


class Sequences(NamedTuple):
    """The places of the sequences of a stream, which are the same for all layers."""

    starts_S1: Tensor  # int32, as in `Batch`
    longest: int
    is_entity_N: Tensor
    padded: PaddedBatch | None = None  # only where attention is computed on padded sequences


def sequences_of(starts_S1: Tensor, longest: int, entity_slots_E: Tensor, places: int, with_padding: bool) -> Sequences:
    """Describes the sequences of a batch for the attention of every layer.

    Args:
        starts_S1: `Batch.sequence_starts_S1`, whose last element is `places`.
        longest: a bound on the length of a sequence.
        entity_slots_E: `Batch.entity_slots_E`.
        places: the number of places of the stream, used or not.
        with_padding: whether to make a `PaddedBatch`. Its size depends on the batch, so the host waits for the device.
    """
    is_entity_N = torch.zeros(places, dtype=torch.bool, device=starts_S1.device).index_fill(0, entity_slots_E, True)
    return Sequences(starts_S1, longest, is_entity_N, _padded_batch(starts_S1) if with_padding else None)


def _padded_batch(starts_S1: Tensor) -> PaddedBatch:
    starts, lengths = starts_S1[:-1].long(), starts_S1.diff()
    starts, lengths = starts[lengths > 0, None], lengths[lengths > 0, None]
    columns_L = torch.arange(int(lengths.max()), device=starts.device)
    used_SL = columns_L < lengths
    return PaddedBatch(torch.where(used_SL, starts + columns_L, 0), used_SL)


def needs_padding(config: ModelConfig, device: torch.device, dtype: torch.dtype, training: bool) -> bool:
    """Whether only padded attention supports this configuration, device and dtype.

    Args:
        dtype: the dtype of queries, keys and values: with autocast, the dtype of autocast.
    """
    if config.entity_aware_attention or (training and config.attention_dropout > 0):
        return True
    if device.type == "cuda":
        half = dtype in (torch.float16, torch.bfloat16)
        return not HAS_VARLEN or not half or (config.hidden_size // config.heads) % 8 != 0
    return device.type != "cpu"


class Attention(nn.Module):
    """Computes multi-head self-attention, with the projection of the output."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.heads = config.heads
        self.dropout = config.attention_dropout
        self.qkv = nn.Linear(config.hidden_size, 3 * config.hidden_size)
        if config.entity_aware_attention:  # queries of words to entities, entities to words, entities to entities
            self.entity_aware_queries: nn.Linear | None = nn.Linear(config.hidden_size, 3 * config.hidden_size)
        else:
            self.entity_aware_queries = None
        self.output = nn.Linear(config.hidden_size, config.hidden_size)

    def forward(self, stream_NH: Tensor, sequences: Sequences, places_P: Tensor | None = None) -> Tensor:
        """Returns the attention output of every place, N x H, or only of some places, P x H."""
        query, key, value = self._split_in_three(self.qkv(stream_NH))
        p = self.dropout if self.training else 0.0
        if self.entity_aware_queries is not None:
            queries = (query, *self._split_in_three(self.entity_aware_queries(stream_NH)))
            output_NAD = entity_aware_attention(queries, key, value, sequences, p)
        elif sequences.padded is not None:
            output_NAD = padded_attention(query, key, value, sequences.padded, p)
        elif stream_NH.is_cuda:
            starts, longest = sequences.starts_S1, sequences.longest
            output_NAD = cast(Tensor, varlen_attn(query, key, value, starts, starts, longest, longest))
        else:
            output_NAD, _ = sequence_by_sequence(query, key, value, sequences.starts_S1)
        projected: Tensor = self.output(selected(output_NAD.flatten(1), places_P))
        return projected

    def _split_in_three(self, rows: Tensor) -> tuple[Tensor, ...]:
        """Splits N x 3H into three tensors of N x A x D."""
        return rows.view(len(rows), 3, self.heads, -1).unbind(1)


def selected(stream_NH: Tensor, places_P: Tensor | None) -> Tensor:
    """Returns the vectors of some places, P x H; all vectors if `places_P` is None."""
    return stream_NH if places_P is None else stream_NH.index_select(0, places_P)


def padded_attention(query: Tensor, key: Tensor, value: Tensor, padded: PaddedBatch, p: float = 0.0) -> Tensor:
    """Computes attention over N x A x D on padded sequences; `p` is the dropout of the attention weights."""
    q, k, v = (padded.pad(x) for x in (query, key, value))
    return padded.unpad(scaled_dot_product_attention(q, k, v, attn_mask=padded.used_SL[:, None, None], dropout_p=p))


def entity_aware_attention(
    queries: tuple[Tensor, ...], key: Tensor, value: Tensor, sequences: Sequences, p: float = 0.0
) -> Tensor:
    """Computes attention with a query for each pair of kinds, word or entity [LUKE, section 3.2].

    Args:
        queries: four of N x A x D: words to words, words to entities, entities to words, entities to entities.
    """
    padded, is_entity_N = sequences.padded, sequences.is_entity_N
    assert padded is not None
    to_words, to_entities = (
        torch.where(is_entity_N[:, None, None], entity_query, word_query)
        for word_query, entity_query in ((queries[0], queries[2]), (queries[1], queries[3]))
    )
    keys = padded.pad(key).transpose(2, 3) / key.shape[-1] ** 0.5
    key_is_entity = is_entity_N[padded.places_SL][:, None, None]
    scores = torch.where(key_is_entity, padded.pad(to_entities) @ keys, padded.pad(to_words) @ keys)
    weights = scores.masked_fill(~padded.used_SL[:, None, None], -torch.inf).softmax(-1)
    return padded.unpad(dropout(weights, p) @ padded.pad(value))


@torch.library.custom_op("mlukit::attention_sequence_by_sequence", mutates_args=())
def sequence_by_sequence(query: Tensor, key: Tensor, value: Tensor, starts: Tensor) -> tuple[Tensor, Tensor]:
    """Computes attention over N x A x D on a CPU.

    Returns:
        The output, N x A x D, and the logarithms of the softmax's sums, N x A, for the backward pass.
    """
    outputs = torch.empty_like(query, memory_format=torch.contiguous_format)
    log_sums = _log_sums_like(query)
    for places in _slices(starts):
        q, k, v = (_heads_first(x[places]) for x in (query, key, value))
        part, sums = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(q, k, v)
        outputs[places] = _places_first(part)
        log_sums[places] = sums[0].T
    return outputs, log_sums


@torch.library.custom_op("mlukit::attention_sequence_by_sequence_backward", mutates_args=())
def _sequence_by_sequence_backward(
    gradient: Tensor, query: Tensor, key: Tensor, value: Tensor, outputs: Tensor, log_sums: Tensor, starts: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Returns the gradients of query, key and value, computed sequence by sequence."""
    gradients = tuple(torch.empty_like(x, memory_format=torch.contiguous_format) for x in (query, key, value))
    for places in _slices(starts):
        g, q, k, v, o = (_heads_first(x[places]) for x in (gradient, query, key, value, outputs))
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
    outputs, log_sums = output
    ctx.mark_non_differentiable(log_sums)
    ctx.save_for_backward(query, key, value, outputs, log_sums, starts)


def _backward(ctx: Any, gradient: Tensor, _: Tensor) -> tuple[Tensor | None, ...]:
    gradients = _sequence_by_sequence_backward(gradient, *ctx.saved_tensors)
    return (*gradients, None)


sequence_by_sequence.register_autograd(_backward, setup_context=_keep_for_backward)
