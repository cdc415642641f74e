"""Every setting of a pretraining run, of model, data and training, with the source of each default.

Sources: [mLUKE] Ri, Yamada, Tsuruoka, ACL 2022, section 2.1 and appendix A; [LUKE] Yamada et al., EMNLP 2020, and the
settings of its released code; [XLM-R] Conneau et al., ACL 2020, and the configuration of its published checkpoints;
[RoBERTa] Liu et al., 2019.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Literal, Self, TypeAlias, TypeVar

from mlukit.pretraining.errors import PretrainingError
from mlukit.pretraining.objectives.table import OBJECTIVES, load_objective

if TYPE_CHECKING:
    from mlukit.pretraining.objectives.objective import Objective

C = TypeVar("C", bound="ModelConfig | DataConfig | TrainingConfig")

ModelSize: TypeAlias = Literal["tiny", "base", "large"]
Precision: TypeAlias = Literal["float32", "bfloat16"]

REPORTS = ("tensorboard", "wandb", "trackio")  # programs that draw curves
NO_REPORT = "none"

ROW_ALIGNMENT = 128  # tables have a multiple of so many rows, for tensor cores: 250,002 words in 250,112 rows


class ConfigError(PretrainingError):
    """A setting is wrong; the text shows its value and what would be accepted."""


class OtherVersionError(ConfigError):
    """A configuration has other settings than this version of mlukit."""


_ACCEPTED: Mapping[type[Any], str] = {
    bool: "true or false",
    int: "a whole number of at least 0",
    float: "a number of at least 0",
    str: "a text",
}


def _check_types(config: "ModelConfig | DataConfig | TrainingConfig") -> None:
    """Refuses values of another type than the setting, as a file that was edited by hand may have."""
    for f in fields(config):
        value, kind = getattr(config, f.name), type(f.default)
        right = type(value) in ((int, float) if kind is float else (kind,))
        if not right or (kind in (int, float) and not 0 <= value < math.inf):
            raise ConfigError(f"{f.name} {value!r} is not {_ACCEPTED[kind]}")


def _check_positive(config: object, *names: str) -> None:
    for name in names:
        if (value := getattr(config, name)) < 1:
            raise ConfigError(f"{name} {value} is not at least 1")


def _check_shares(config: object, *names: str) -> None:
    for name in names:
        if not 0 <= (value := getattr(config, name)) <= 1:
            raise ConfigError(f"{name} {value} is not between 0 and 1")


def _aligned(rows: int) -> int:
    return -(-rows // ROW_ALIGNMENT) * ROW_ALIGNMENT


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelConfig:
    """The shape of the model. The defaults are those of the base model.

    `vocabulary_size` and `entity_vocabulary_size` depend on the examples, so their defaults are only placeholders.
    """

    vocabulary_size: int = 250_002  # [XLM-R]: 250,000 pieces, <s> <pad> </s> <unk> first, <mask> last
    entity_vocabulary_size: int = 1_200_000  # [mLUKE]; with the four special entities
    hidden_size: int = 768  # [XLM-R]
    layers: int = 12  # [XLM-R]
    heads: int = 12  # [XLM-R]
    feed_forward_size: int = 3072  # [XLM-R]
    entity_embedding_size: int = 256  # [mLUKE], [LUKE]
    max_positions: int = 514  # [XLM-R]: 512 tokens, counted from pad_id + 1 = 2
    token_types: int = 1  # [XLM-R]
    layer_norm_epsilon: float = 1e-5  # [XLM-R]
    hidden_dropout: float = 0.1  # [LUKE]
    attention_dropout: float = 0.0  # [LUKE] has 0.1, which attention over packed sequences has no kernel for
    initializer_range: float = 0.02  # [LUKE]
    entity_aware_attention: bool = False  # [mLUKE]: not in pretraining; [LUKE] section 3.2
    bos_id: int = 0  # [XLM-R]
    pad_id: int = 1
    eos_id: int = 2
    unknown_id: int = 3
    entity_pad_id: int = 0  # the first rows of our vocabulary
    entity_unknown_id: int = 1
    entity_mask_id: int = 2

    @property
    def mask_id(self) -> int:
        """The id of <mask>: XLM-R's tokenizer has it last."""
        return self.vocabulary_size - 1

    @property
    def word_rows(self) -> int:
        """Rows of the word table: the vocabulary, then never predicted rows up to a multiple of ROW_ALIGNMENT."""
        return _aligned(self.vocabulary_size)

    @property
    def entity_rows(self) -> int:
        """Rows of the entity table, aligned like `word_rows`."""
        return _aligned(self.entity_vocabulary_size)

    def __post_init__(self) -> None:
        _check_types(self)
        _check_positive(self, *(f.name for f in fields(self) if f.type is int and not f.name.endswith("_id")))
        if self.hidden_size % self.heads:
            raise ConfigError(f"hidden_size {self.hidden_size} is no multiple of heads {self.heads}")
        _check_shares(self, "hidden_dropout", "attention_dropout")


BASE: ModelSize = "base"  # where no size is asked for
MODELS: Mapping[ModelSize, ModelConfig] = {
    # for a laptop's CPU and for tests; from no paper
    "tiny": ModelConfig(hidden_size=128, layers=2, heads=2, feed_forward_size=512, entity_embedding_size=64),
    "base": ModelConfig(),
    "large": ModelConfig(hidden_size=1024, layers=24, heads=16, feed_forward_size=4096),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DataConfig:
    """How examples are drawn, batched and masked."""

    seed: int = 1
    batch_size: int = 2048  # examples a step, over all ranks [mLUKE]
    language_exponent: float = 0.7  # a language is drawn with probability ∝ its examples ^ this [mLUKE]
    keys_version: int = 2  # of the random keys and of the order of examples; 1: runs of older versions of mlukit
    shuffle_megabytes: int = 4_096  # of examples in memory at once, over all ranks and languages, to mix them
    shuffled_groups: int = 4  # with keys_version 1 alone: row groups of a language in memory at once
    micro_batch_tokens: int = 16_384  # words that go through the model at once; settings.py has more for large GPUs
    max_tokens: int = 512  # of an example, <s> and </s> counted [mLUKE]
    max_entities: int = 128  # of an example [LUKE]
    max_mention_tokens: int = 30  # of a mention [LUKE]
    word_mask_share: float = 0.15  # [mLUKE], [RoBERTa]
    word_mask_token_share: float = 0.8  # of those: become <mask> [RoBERTa]
    word_random_share: float = 0.1  # of those: become a random piece; the rest stay as they are [RoBERTa]
    entity_mask_share: float = 0.15  # [mLUKE]; at least one of an example, always as [MASK] [LUKE]
    mask_mention_words: bool = False  # mask every word under a masked mention too
    objective: str = "words and entities"  # [mLUKE]; a name in the table of objectives

    def __post_init__(self) -> None:
        _check_types(self)
        _check_positive(self, "batch_size", "shuffle_megabytes", "shuffled_groups")
        _check_positive(self, "max_tokens", "max_entities", "max_mention_tokens")
        _check_shares(self, "word_mask_share", "word_mask_token_share", "word_random_share", "entity_mask_share")
        if self.keys_version not in (1, 2):
            raise ConfigError(f"keys_version {self.keys_version} is neither 1 nor 2")
        for name, version in (("shuffled_groups", 1), ("shuffle_megabytes", 2)):
            value = getattr(self, name)
            if value != type(self).__dataclass_fields__[name].default and self.keys_version != version:
                raise ConfigError(f"{name} {value} decides nothing with keys_version {self.keys_version}: leave it out")
        if self.word_mask_token_share + self.word_random_share > 1:
            raise ConfigError(
                f"word_mask_token_share {self.word_mask_token_share} and word_random_share {self.word_random_share} "
                "are more than 1 together"
            )
        if self.micro_batch_tokens < self.max_tokens:
            raise ConfigError(
                f"micro_batch_tokens {self.micro_batch_tokens} is less than the {self.max_tokens} tokens of an example"
            )
        if self.objective not in OBJECTIVES:
            raise ConfigError(f"objective {self.objective!r} is not one of {', '.join(map(repr, OBJECTIVES))}")

    @property
    def loaded_objective(self) -> "Objective":
        """The objective that the setting names."""
        return load_objective(self.objective)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingConfig:
    """How the parameters are trained. The defaults are those of stage 2 of the base model."""

    stage: int = 2  # 1: only the parameters that import did not find in its checkpoint; 2: all [mLUKE]
    steps: int = 540_326  # [mLUKE] of a stage
    warmup_steps: int = 2_500  # [mLUKE]
    learning_rate: float = 1e-4  # [mLUKE]; stage 1: 5e-4, large: 5e-5; decays linearly to 0
    beta1: float = 0.9  # [mLUKE]
    beta2: float = 0.999  # [mLUKE]; [RoBERTa] has 0.98
    epsilon: float = 1e-6  # [mLUKE]
    weight_decay: float = 0.01  # [mLUKE]; not on biases and LayerNorm [LUKE]
    bias_correction: bool = False  # [LUKE]
    max_gradient_norm: float = 0.0  # 0: no clipping [mLUKE]
    precision: Precision = "bfloat16"  # of the products; parameters and optimizer stay float32
    compile: bool = True
    fully_sharded: bool = False  # FSDP2 instead of DDP
    validation_interval: int = 5_000  # steps between losses on the validation split
    validation_examples: int = 1_024  # of each language, at most
    checkpoint_interval: int = 5_000
    checkpoints_kept: int = 3
    log_interval: int = 10
    report_to: str = "tensorboard"  # names of REPORTS, with commas between them, or NO_REPORT

    def __post_init__(self) -> None:
        _check_types(self)
        if self.stage not in (1, 2):
            raise ConfigError(f"stage {self.stage} is neither 1 nor 2")
        _check_positive(self, "steps", "checkpoints_kept", "checkpoint_interval", "log_interval", "validation_interval")
        if self.warmup_steps > self.steps:
            raise ConfigError(f"warmup_steps {self.warmup_steps} are more than the {self.steps} steps")
        if self.precision not in ("float32", "bfloat16"):
            raise ConfigError(f"precision {self.precision!r} is neither 'float32' nor 'bfloat16'")
        names = self.report_to.split(",")
        if self.report_to != NO_REPORT and (wrong := [name for name in names if name not in REPORTS]):
            raise ConfigError(f"report_to {wrong[0]!r} is not one of {', '.join((*REPORTS, NO_REPORT))}")


def learning_rate(size: ModelSize, stage: int) -> float:
    """The paper's learning rate of a model in a stage [mLUKE]."""
    return 5e-4 if stage == 1 else 5e-5 if size == "large" else 1e-4


# the values of settings that runs of older versions of mlukit do not have
_OLDER_RUNS: Mapping[str, Mapping[str, Any]] = {
    "DataConfig": {"keys_version": 1, "shuffle_megabytes": DataConfig().shuffle_megabytes},
    "TrainingConfig": {"report_to": TrainingConfig().report_to},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RunConfig:
    """Every setting of a run, as its folder keeps them in config.json."""

    model: ModelConfig
    data: DataConfig
    training: TrainingConfig

    def to_json(self) -> dict[str, Any]:
        """The value that config.json holds."""
        return {"model": asdict(self.model), "data": asdict(self.data), "training": asdict(self.training)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """The inverse of `to_json`; ConfigError for a wrong value, OtherVersionError for other settings than these."""
        return cls(
            model=model_of_run(value),
            data=_from_json(DataConfig, value, "data"),
            training=_from_json(TrainingConfig, value, "training"),
        )


def model_of_run(value: Mapping[str, Any]) -> ModelConfig:
    """The model of a run, by the value that its config.json holds; errors as in `RunConfig.from_json`."""
    return _from_json(ModelConfig, value, "model")


def changed(config: C, settings: Mapping[str, Any]) -> C:
    """A configuration with some values replaced; errors as in `RunConfig.from_json`."""
    known = [f.name for f in fields(config)]
    for name in settings:
        if name not in known:
            raise OtherVersionError(f"unknown setting {name!r}: {type(config).__name__} has {', '.join(known)}")
    return replace(config, **settings)


def _from_json(kind: type[C], config: Mapping[str, Any], part: str) -> C:
    """Reads a part of config.json."""
    if not isinstance(found := config.get(part), dict):
        raise ConfigError(
            f"{part} is {json.dumps(found) if part in config else 'missing'}; an object of settings is needed"
        )
    value = {**_OLDER_RUNS.get(kind.__name__, {}), **found}
    if missing := [f.name for f in fields(kind) if f.name not in value]:
        raise OtherVersionError(f"it lacks the setting {missing[0]!r} of {kind.__name__}")
    return changed(kind(), value)
