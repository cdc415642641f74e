"""The flags of `mlukit train`: one for every setting of a run, with defaults by model and stage.

No torch here, so that `mlukit train --help` and wrong flags are answered at once.
"""

import argparse
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Self, get_args

from mlukit.engine.command_parser import CommandParser, check_keys, config_value, nearest, read_toml, with_default
from mlukit.pretraining.config import (
    BASE,
    MODELS,
    NO_REPORT,
    REPORTS,
    ConfigError,
    DataConfig,
    ModelConfig,
    ModelSize,
    Precision,
    TrainingConfig,
    changed,
    learning_rate,
)
from mlukit.pretraining.local_folder import local_folder, new_local_folder
from mlukit.pretraining.objectives.table import OBJECTIVES
from mlukit.pretraining.setting_help import EPOCHS_HELP, HELP
from mlukit.pretraining.training.run_folder import RUN

CONFIGS = (ModelConfig, DataConfig, TrainingConfig)
# settings that change nothing that is learnt, except the rounding of sums
OPERATIONAL = frozenset(
    [
        "micro_batch_tokens",
        "compile",
        "fully_sharded",
        "validation_interval",
        "validation_examples",
        "checkpoint_interval",
        "checkpoints_kept",
        "log_interval",
        "report_to",
    ]
)
RESUMABLE = OPERATIONAL | {"steps"}  # settings that may change when a run is resumed; steps can only be raised
_OF_EXAMPLES = ("vocabulary_size", "entity_vocabulary_size")
_CHOICES = {"precision": get_args(Precision), "objective": tuple(OBJECTIVES), "stage": ("1", "2")}
_TINY: Mapping[str, Any] = {  # minutes on a laptop, where the paper's numbers take weeks of GPUs
    "batch_size": 32,
    "micro_batch_tokens": 1_024,
    "steps": 1_000,
    "warmup_steps": 50,
    "learning_rate": 2e-3,
    "beta2": 0.98,  # with the paper's, and without correction, a thousand steps from random weights learn little
    "bias_correction": True,
    "validation_interval": 100,
    "validation_examples": 64,
    "checkpoint_interval": 100,
}
_MICRO_BATCH_ON_LARGE_GPU = 65_536
# bytes of a GPU's memory for it: an estimate of 45 GB for base and 90 GB for large, in bfloat16, with room to spare
_LARGE_GPU: Mapping[ModelSize, int] = {"base": 80 * 10**9, "large": 120 * 10**9}
_EXAMPLES = """\
  mlukit train --examples OUT --model tiny --stage 2 --output RUN      on a laptop
  mlukit train --examples OUT --init INIT --stage 1 --output RUN1      from XLM-R: first the new parameters alone,
  mlukit train --examples OUT --init RUN1 --stage 2 --output RUN2      then all of them
  mlukit train --resume RUN2                                           continue after a kill, a crash, a reboot
  mlukit train --resume RUN2 --steps 600,000                           make the run longer
  torchrun --nproc-per-node 8 -m mlukit.pretraining train --examples OUT --init RUN1 --stage 2 --output RUN2
  torchrun --nproc-per-node 8 -m mlukit.pretraining train --resume RUN2
"""
_NOTE = "INIT is made by mlukit import. docs/pretraining.md explains every part of a run."


class SettingsError(ConfigError):
    """The flags do not make a run; the text shows the value and what would be accepted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainSettings:
    """The user's choices.

    Attributes:
        output: the folder of the new run, or of the run to resume.
        examples: the output folder of `mlukit build`; None only for a resumed run, which knows its examples.
        init: INIT or RUN, whose weights a new run starts from; None to start from random weights.
        model: the value of --model; None without the flag.
        epochs: the value of --epochs, which takes the place of the setting `steps`; None without the flag.
        resume: whether a run is resumed.
        chosen: the settings given by flags.
    """

    output: Path
    examples: Path | None
    init: Path | None
    model: ModelSize | None
    epochs: float | None
    resume: bool
    chosen: Mapping[str, Any]

    def with_steps(self, examples: int, batch_size: int) -> Self:
        """The settings with the number of steps that `--epochs` stands for.

        Args:
            examples: the number of examples to train on.
            batch_size: of the run.
        """
        if self.epochs is None:
            return self
        return replace(self, chosen={**self.chosen, "steps": steps_of_epochs(self.epochs, examples, batch_size)})


def parse(arguments: Sequence[str]) -> TrainSettings:
    """Reads the flags of `mlukit train`.

    Raises:
        RefusedError: a flag, or a key or a value of the configuration file is wrong.
        ConfigError: flags are missing or contradict each other.
    """
    made = parser()
    values = vars(made.parse_args(arguments))
    if config := values.pop("config"):
        if values["resume"] is not None:
            raise SettingsError("--config does not go with --resume: the run has its settings in its config.json")
        values = _with_config(values, config, made)
    run = {name: values.pop(name) for name in ("output", "examples", "init", "resume", "model", "epochs")}
    chosen = {name: value for name, value in values.items() if value is not None}
    if run["epochs"] is not None and "steps" in chosen:
        raise SettingsError(f"--epochs {run['epochs']:g} and --steps {chosen['steps']} exclude each other: give one")
    return _checked(run, chosen)


def _with_config(values: Mapping[str, Any], path: Path, made: CommandParser) -> dict[str, Any]:
    """The values of the flags, and those of a configuration file where there is no flag.

    Raises:
        RefusedError: the file cannot be read, or a key or a value is wrong.
    """
    flags: dict[str, Any] = {action.dest: action for action in made._actions}
    accepted = [name for name in values if name != "resume"]
    table = read_toml(path, str(path))
    check_keys(str(path), table, accepted)
    read = {
        key: config_value(str(path), key, value, None if flags[key].nargs == 0 else flags[key].type)
        for key, value in table.items()
    }
    given = {name: value for name, value in values.items() if value is not None}
    for name, other in (("steps", "epochs"), ("epochs", "steps")):  # one takes the place of the other
        if name in given:
            read.pop(other, None)
    return {**values, **read, **given}


def _checked(run: Mapping[str, Any], chosen: Mapping[str, Any]) -> TrainSettings:
    """The settings of a new or of a resumed run; SettingsError if flags are missing or contradict each other."""
    resumed = run["resume"]
    if resumed is not None:
        _check_resume(run, chosen)
    else:
        _check_new(run["examples"], run["output"])
    return TrainSettings(
        output=resumed or run["output"],
        examples=run["examples"],
        init=run["init"],
        model=run["model"],
        epochs=run["epochs"],
        resume=resumed is not None,
        chosen=chosen,
    )


def _check_new(examples: Path | None, output: Path | None) -> None:
    """Refuses a new run without examples, or into a folder that exists."""
    if examples is None:
        raise SettingsError("--examples is missing: the output folder of `mlukit build`")
    if output is None:
        raise SettingsError("--output is missing: the folder to write the run to")
    if (output / RUN).is_file():
        raise SettingsError(f"--output {output} is a run: continue it by --resume {output}, or name another folder")
    if output.exists():
        raise SettingsError(f"--output {output} exists, and is not a run that can continue: name another folder")


def _check_resume(run: Mapping[str, Any], chosen: Mapping[str, Any]) -> None:
    """Refuses flags that would change what a resumed run learns."""
    for name in ("output", "init", "model"):
        if run[name] is not None:
            raise SettingsError(f"--{name} does not go with --resume: the run has its own")
    fixed = sorted(set(chosen) - RESUMABLE)
    if fixed:
        raise SettingsError(
            f"{_flag(fixed[0])} does not go with --resume: it was decided when the run began; these may change: "
            + ", ".join(_flag(name) for name in sorted(RESUMABLE | {"epochs"}))
        )


def model_config(settings: TrainSettings, found: ModelConfig | None, words: int, entities: int) -> ModelConfig:
    """The model of a new run.

    Args:
        settings: the user's choices.
        found: the model of the weights that the run starts from; None without `--init`.
        words: number of pieces in the tokenizer of the examples.
        entities: number of entities in the vocabulary of the examples.

    Raises:
        SettingsError: the weights have another shape than the flags or the examples.
    """
    chosen = _settings_for(ModelConfig, settings.chosen)
    facts = {"vocabulary_size": words, "entity_vocabulary_size": entities}
    for name, value in facts.items():
        if chosen.get(name, value) != value:
            raise SettingsError(f"{_flag(name)} {chosen[name]} is not that of the examples, {value}")
    if found is None:
        return changed(MODELS[settings.model or BASE], {**chosen, **facts})
    shape = {**(_shape(asdict(MODELS[settings.model])) if settings.model else {}), **_shape(chosen), **facts}
    for name, value in shape.items():
        if (init_value := getattr(found, name)) != value:
            wanted = "the examples have" if name in facts else "asked for is"
            raise SettingsError(f"--init {settings.init} has {name} {init_value}, and {wanted} {value}")
    return changed(found, chosen)


def data_config(settings: TrainSettings, found: ModelConfig | None = None, *, gpu_bytes: int = 0) -> DataConfig:
    """The data settings of a new run.

    Args:
        settings: the flags, which replace the defaults of the model and the GPU.
        found: the model of the weights that the run starts from; None without `--init`.
        gpu_bytes: the memory of the smallest GPU of the run; 0 without a GPU.
    """
    values: dict[str, Any] = {}
    if gpu_bytes >= _LARGE_GPU[_size(found or MODELS[settings.model or BASE])]:
        values["micro_batch_tokens"] = _MICRO_BATCH_ON_LARGE_GPU
    return changed(DataConfig(), _settings_for(DataConfig, {**values, **_defaults(settings), **settings.chosen}))


def training_config(settings: TrainSettings, model: ModelConfig, *, gpu: bool) -> TrainingConfig:
    """The training settings of a new run.

    Args:
        settings: the flags, which replace the defaults of the model and the stage.
        model: of the run.
        gpu: whether there is one; without a GPU the defaults are float32 and no compilation.
    """
    chosen = _settings_for(TrainingConfig, settings.chosen)
    values = {} if gpu else {"precision": "float32", "compile": False}
    values["learning_rate"] = learning_rate(_size(model), chosen.get("stage", TrainingConfig().stage))
    values |= _settings_for(TrainingConfig, _defaults(settings))
    if "warmup_steps" not in chosen and "steps" in chosen:  # a warm-up is at most a tenth of a short run
        values["warmup_steps"] = min(values.get("warmup_steps", TrainingConfig().warmup_steps), chosen["steps"] // 10)
    return changed(TrainingConfig(), {**values, **chosen})


def steps_of_epochs(epochs: float, examples: int, batch_size: int) -> int:
    """The number of steps of some epochs, rounded up, as `compute-total-training-steps` of LUKE's code computes it.

    An epoch is as many draws as there are examples to train on, over all languages. A draw chooses a language first, so
    an epoch has the examples of a small language several times, and not all examples of a large one.
    """
    return math.ceil(Fraction(str(epochs)) * examples / batch_size)


def steps_origin(settings: TrainSettings) -> str:
    """Where the number of steps of a new run comes from, and how to set another one."""
    if settings.epochs is not None:
        return "by --epochs"
    if "steps" in settings.chosen:
        return "by --steps"
    origin = (
        "the default of --model tiny" if "steps" in _defaults(settings) else "the default: a stage of mLUKE's paper"
    )
    return f"{origin}; --steps N or --epochs X sets another number"


def _defaults(settings: TrainSettings) -> Mapping[str, Any]:
    return _TINY if settings.model == "tiny" else {}


def _size(model: ModelConfig) -> ModelSize:
    return "large" if model.hidden_size >= MODELS["large"].hidden_size else "base"


def _shape(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values that decide the shape of weights, without the sizes of vocabularies, which the examples decide."""
    free = ("hidden_dropout", "attention_dropout", "initializer_range", "entity_aware_attention")
    return {n: v for n, v in values.items() if n not in free and not n.endswith("vocabulary_size")}


def _settings_for(config: type[Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """The values whose names are fields of a configuration."""
    names = {f.name for f in fields(config)}
    return {name: value for name, value in values.items() if name in names}


def parser() -> CommandParser:
    """Of the command's flags."""
    description = (
        "Trains an mLUKE model on the examples of mlukit build. --resume continues a run that was interrupted."
    )
    made = CommandParser("train", "--examples OUT --output RUN [FLAGS]", description, _EXAMPLES, [_NOTE])
    run = made.group("run").add_argument
    text = "Output folder of mlukit build, on this machine. Required for a new run."
    run("--examples", type=local_folder, metavar="OUT", help=text)
    text = "Folder to write; it must not exist yet. Required for a new run."
    run("--output", type=new_local_folder, metavar="RUN", help=text)
    text = "Weights to start from: the folder of mlukit import, or of another run."
    run("--init", type=local_folder, metavar="INIT", help=with_default(text, "random weights"))
    text = "Continue a run from its last whole checkpoint. Takes the place of --output."
    run("--resume", type=local_folder, metavar="RUN", help=text)
    text = "TOML file with these settings, such as learning_rate = 5e-4. Flags override the file. Not with --resume."
    run("--config", type=Path, metavar="FILE", help=text)
    text = with_default(f"Size of the model: {', '.join(MODELS)}.", f"{BASE}, or the size of INIT")
    run("--model", type=_one_of(tuple(MODELS)), metavar="SIZE", help=text)
    for config in CONFIGS:
        group = made.group(config.__name__.removesuffix("Config").lower())
        for name, kind, default in _fields(config):
            _add_flag(group, name, kind, default)
            if name == "steps":
                group.add_argument("--epochs", type=_number(float, above=True), metavar="X", help=EPOCHS_HELP)
    return made


def _fields(config: type[Any]) -> Iterator[tuple[str, type[Any], Any]]:
    """Name, type and default of each field."""
    for f in fields(config):
        yield f.name, type(f.default), f.default


def _add_flag(group: argparse._ArgumentGroup, name: str, kind: type[Any], default: Any) -> None:
    """Adds the flag of a setting, with its help and its defaults."""
    shown = "the number of the examples" if name in _OF_EXAMPLES else _shown(default)
    if name == "micro_batch_tokens":
        base, large = (memory // 10**9 for memory in (_LARGE_GPU["base"], _LARGE_GPU["large"]))
        shown += f"; {_MICRO_BATCH_ON_LARGE_GPU} on GPUs with at least {base} GB of memory (large: {large} GB)"
    if name in _TINY:
        shown += f"; tiny: {_shown(_TINY[name])}"
    text = with_default(HELP[name], shown)
    if kind is bool:
        group.add_argument(_flag(name), action=argparse.BooleanOptionalAction, default=None, help=text)
        return
    reader = _one_of(_CHOICES[name], kind) if name in _CHOICES else _report_names if kind is str else _number(kind)
    metavar = "NAMES" if reader is _report_names else {int: "N", float: "X"}.get(kind, "NAME")
    group.add_argument(_flag(name), type=reader, metavar=metavar, help=text)


def _shown(value: Any) -> str:
    return str(value) if not isinstance(value, bool) else "yes" if value else "no"


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def _one_of(accepted: Sequence[str], kind: type[Any] = str) -> Callable[[str], Any]:
    """An argparse type for one of some words."""

    def read(text: str) -> Any:
        if text not in accepted:
            shown = ", ".join(map(repr, accepted))
            raise argparse.ArgumentTypeError(f"{text!r} is not one of {shown}{nearest(text, accepted)}")
        return kind(text)

    return read


def _report_names(text: str) -> str:
    """An argparse type for the names of `--report-to`."""
    names = [name.strip() for name in text.split(",")]
    if names != [NO_REPORT]:
        for name in names:
            if name not in REPORTS:
                shown = f"{', '.join(map(repr, REPORTS))}, or {NO_REPORT!r} alone"
                raise argparse.ArgumentTypeError(f"{name!r} is not one of {shown}{nearest(name, REPORTS)}")
    return ",".join(dict.fromkeys(names))


def _number(kind: type[Any], *, above: bool = False) -> Callable[[str], Any]:
    """An argparse type for a number of at least 0, or above 0; whole numbers may have `_` or `,` between thousands."""

    def read(text: str) -> Any:
        try:
            value = kind(text.replace("_", "").replace(",", "") if kind is int else text)
        except ValueError:
            value = None
        if value is None or not 0 <= value < math.inf or (above and value == 0):
            wanted = "a whole number" if kind is int else "a number"
            raise argparse.ArgumentTypeError(f"{text!r} is not {wanted} {'above 0' if above else 'of at least 0'}")
        return value

    return read
