"""The floating point operations of a step, and the peak of the device that they are compared with.

Model FLOPs utilisation is defined as in Chowdhery et al., "PaLM", 2022, appendix B: products and attention of the
model, forward once and backward twice as much, without what is computed again to save memory. Only real work counts
here: no padding, attention only within each sequence, and only at the places to predict the two softmaxes and what the
last layer does after attention.
"""

from collections.abc import Mapping

from mlukit.pretraining.config import ModelConfig
from mlukit.pretraining.data.batch_counts import Counts

# dense bfloat16 by the makers' data sheets, by a part of the device's name; the first match counts
PEAK_FLOPS: Mapping[str, float] = {
    "B200": 2250e12,
    "H200": 989e12,
    "H100 PCIe": 756e12,
    "H100 NVL": 835e12,
    "H100": 989e12,
    "GH200": 989e12,
    "H800": 989e12,
    "A100": 312e12,
    "A800": 312e12,
    "L40S": 362e12,
    "L4": 121e12,
    "A40": 150e12,
    "A10": 125e12,
    "RTX 4090": 165e12,
    "RTX 3090": 71e12,
}


def peak_flops(device: str) -> float | None:
    """The peak of a device in bfloat16, per second; None for a device that is not in the table."""
    return next((peak for name, peak in PEAK_FLOPS.items() if name in device), None)


def step_flops(model: ModelConfig, counts: Counts, *, frozen: bool) -> float:
    """The floating point operations of a step.

    Args:
        model: the shape of the model.
        counts: the counts of the step's batches.
        frozen: whether the parameters of the encoder and the word head are not trained, so need no gradients.
    """
    hidden, narrow = model.hidden_size, model.entity_embedding_size
    places = counts.words + counts.entities
    targets = counts.word_targets + counts.entity_targets  # the last layer is complete only for these
    after_attention = hidden**2 + 2 * hidden * model.feed_forward_size
    encoder = places * model.layers * 3 * hidden**2 + (places * (model.layers - 1) + targets) * after_attention
    attention = model.layers * 2 * hidden * counts.pairs
    words = counts.word_targets * hidden * (hidden + model.vocabulary_size)
    entities = counts.entities * narrow * hidden
    entities += counts.entity_targets * narrow * (hidden + model.entity_vocabulary_size)
    with_gradients = attention + entities + (0 if frozen else encoder + words)
    return 2.0 * (3 * with_gradients + (2 * (encoder + words) if frozen else 0))
