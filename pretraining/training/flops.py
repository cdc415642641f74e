"""How much arithmetic a step takes, and how much of what the device can do that is.

Model FLOPs utilisation as in Chowdhery et al., "PaLM", 2022, appendix B: products and attention of the model, forward
once and backward twice as much; what is computed again to save memory does not count. Here by what is really there: no
padding, attention within each sequence alone, and the two softmaxes at the places to predict alone.
"""

from collections.abc import Mapping

from mlukit.pretraining.config import ModelConfig
from mlukit.pretraining.data.batch_counts import Counts

# dense bfloat16 of the makers' data sheets, by a part of the device's name; the first that fits
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
    """What a device of this name can do a second in bfloat16; None where that is not known."""
    return next((peak for name, peak in PEAK_FLOPS.items() if name in device), None)


def step_flops(model: ModelConfig, counts: Counts, *, frozen: bool) -> float:
    """Floating point operations of a step.

    Args:
        frozen: the encoder's parameters and the word head's are not trained, so have no gradients of their own.
    """
    hidden, narrow = model.hidden_size, model.entity_embedding_size
    places = counts.words + counts.entities
    encoder = places * model.layers * (4 * hidden**2 + 2 * hidden * model.feed_forward_size)
    attention = model.layers * 2 * hidden * counts.pairs
    words = counts.word_targets * hidden * (hidden + model.vocabulary_size)
    entities = counts.entities * narrow * hidden
    entities += counts.entity_targets * narrow * (hidden + model.entity_vocabulary_size)
    with_gradients = attention + entities + (0 if frozen else encoder + words)
    return 2.0 * (3 * with_gradients + (2 * (encoder + words) if frozen else 0))
