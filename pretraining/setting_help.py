"""The help of each setting in `mlukit train --help`; config.py has the sources of the defaults."""

from collections.abc import Mapping

from mlukit.pretraining.objectives.table import OBJECTIVES

HELP: Mapping[str, str] = {
    # model
    "vocabulary_size": "Rows of the table of pieces, which must be the number of pieces of the examples.",
    "entity_vocabulary_size": "Rows of the table of entities, which must be the number of entities of the examples.",
    "hidden_size": "Width of the encoder.",
    "layers": "Layers of the encoder.",
    "heads": "Attention heads of a layer.",
    "feed_forward_size": "Width of the feed-forward network of a layer.",
    "entity_embedding_size": "Width of the entity table.",
    "max_positions": "Rows of the position tables.",
    "token_types": "Rows of the token type table.",
    "layer_norm_epsilon": "Epsilon of the layer normalisations.",
    "hidden_dropout": "Share of the hidden units that are dropped.",
    "attention_dropout": "Share of the attention weights that are dropped.",
    "initializer_range": "Standard deviation of random weights.",
    "entity_aware_attention": "Use a query matrix for each pair of words and entities.",
    "bos_id": "Id of <s>.",
    "pad_id": "Id of <pad>.",
    "eos_id": "Id of </s>.",
    "unknown_id": "Id of <unk>.",
    "entity_pad_id": "Id of [PAD].",
    "entity_unknown_id": "Id of [UNK].",
    "entity_mask_id": "Id of [MASK].",
    # data
    "seed": "Seed of the order of examples, of masks, of dropout and of random weights.",
    "batch_size": "Examples of a step, over all processes.",
    "language_exponent": "A language is drawn with a probability in proportion to its examples to this power.",
    "keys_version": "Version of the random keys and of the order of examples. 1 repeats a run of an older mlukit.",
    "shuffle_megabytes": "Megabytes of examples in memory at once, over all processes. The order mixes these examples.",
    "shuffled_groups": "With --keys-version 1: row groups of a language in memory at once. Their examples are mixed.",
    "micro_batch_tokens": "Words that go through the model at once: as many as the memory allows.",
    "max_tokens": "The most tokens of an example.",
    "max_entities": "The most entities of an example.",
    "max_mention_tokens": "The most tokens of a mention.",
    "word_mask_share": "Share of the words to predict.",
    "word_mask_token_share": "Share of the words to predict that become <mask>.",
    "word_random_share": "Share of the words to predict that become a random piece. The other words to predict stay.",
    "entity_mask_share": "Share of the entities to predict, at least one entity of an example.",
    "mask_mention_words": "Mask all words under a masked mention too.",
    "objective": "What is predicted. " + "; ".join(f"'{name}': {text}" for name, text in OBJECTIVES.items()) + ".",
    # training
    "stage": "1 trains only the parameters that the model of mlukit import did not have. 2 trains all parameters.",
    "steps": "Steps of the run. With --resume: a larger number makes the run longer.",
    "warmup_steps": "Steps in which the learning rate rises to its peak. Then it falls linearly to 0 at the last step.",
    "learning_rate": "Peak of the learning rate. The paper has 5e-4 in stage 1, and 5e-5 for large in stage 2.",
    "beta1": "First beta of AdamW.",
    "beta2": "Second beta of AdamW.",
    "epsilon": "Epsilon of AdamW.",
    "weight_decay": "Weight decay of AdamW, not applied to biases and layer normalisations.",
    "bias_correction": "Correct the bias of AdamW.",
    "max_gradient_norm": "Larger gradients are scaled down to this norm. 0: gradients are never scaled.",
    "precision": "Precision of the matrix products. Without a GPU the default is float32.",
    "compile": "Compile each layer of the encoder. Without a GPU the default is no.",
    "fully_sharded": "Each process keeps a part of the parameters and of the optimizer (FSDP2), not all of them (DDP).",
    "validation_interval": "Steps between losses on pages that are never trained on.",
    "validation_examples": "The most examples of a language for these losses.",
    "checkpoint_interval": "Steps between checkpoints.",
    "checkpoints_kept": "Checkpoints to keep. Older checkpoints are removed.",
    "log_interval": "Steps between lines of metrics.jsonl.",
    "report_to": "Programs that draw the curves: tensorboard, wandb, trackio, with commas between them; or none.",
}
EPOCHS_HELP = (
    "In place of --steps: the number of epochs. An epoch is as many draws as there are examples to train on, over all "
    "languages together."
)
