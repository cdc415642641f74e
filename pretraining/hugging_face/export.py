"""`mlukit export`: writes the model of a run for transformers."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from mlukit.engine.command_parser import CommandParser, with_default
from mlukit.pretraining.errors import reports_errors, say
from mlukit.pretraining.hugging_face.card_metadata import Origin
from mlukit.pretraining.local_folder import local_folder, new_local_folder
from mlukit.pretraining.training.run_folder import (
    IMPORTED,
    RUN,
    examples_of,
    is_run,
    last_weights,
    read_json,
    read_model_config,
    read_run_config,
)

_EXAMPLES = "  mlukit export RUN --output DIR"
_NOTE = (
    'In Python, transformers.LukeForMaskedLM.from_pretrained("DIR") loads it. docs/checkpoints.md explains the rest.'
)


@reports_errors("export")
def main(arguments: Sequence[str]) -> int:
    """Runs the command, and returns its exit status."""
    options = parser().parse_args(arguments)
    _export(options.run, options.output, options.examples)
    print(f"{options.output} is a model for transformers; README.md in it shows how to load it")
    return 0


def _export(run: Path, output: Path, examples: Path | None) -> None:
    """Exports the last complete checkpoint of a run, or the weights of INIT."""
    from mlukit.pretraining.hugging_face.exported_model import export_model  # imports torch, which takes seconds
    from mlukit.pretraining.hugging_face.model_card import Training
    from mlukit.pretraining.training.checkpoint import read_weights
    from mlukit.pretraining.training.fingerprints import check_vocabularies
    from mlukit.pretraining.training.initial_weights import attention_dropout_of

    config = read_model_config(run)
    steps, weights = last_weights(run, say=partial(say, "export"))
    examples = examples_of(run, examples)
    check_vocabularies(run, examples)
    training = None
    if is_run(run):
        training = Training(read_run_config(run), steps)
    data = training.config.data if training else None
    attention_dropout = config.attention_dropout or attention_dropout_of(run)  # 0 is a choice of pretraining alone
    tensors = read_weights(weights, config)
    export_model(
        config,
        tensors,
        examples,
        output,
        data=data,
        training=training,
        origin=_origin(run),
        attention_dropout=attention_dropout,
    )


def _origin(run: Path) -> Origin:
    """Names the folders that the weights of a run or of INIT come from, as far back as the folders exist."""
    names: list[str] = []
    while (run / RUN).is_file() and (init := read_json(run / RUN)["init"]):
        run = Path(init)
        names.append(run.name)
    if not (run / IMPORTED).is_file():
        return Origin(tuple(names))
    source = str(read_json(run / IMPORTED)["source"])
    return Origin((*names, Path(source).name), source)


def parser() -> CommandParser:
    """Returns the parser of the command's flags."""
    description = "Writes a trained model in the layout of transformers, with its tokenizer and a model card."
    made = CommandParser("export", "RUN --output DIR [FLAGS]", description, _EXAMPLES, [_NOTE])
    add = made.group("input").add_argument
    add("run", type=local_folder, metavar="RUN", help="Folder of mlukit train, or INIT of mlukit import. Required.")
    text = with_default("Output folder of mlukit build.", "the folder where RUN found its examples")
    add("--examples", type=local_folder, metavar="OUT", help=text)
    text = "Folder to write. Required."
    made.group("output").add_argument("--output", type=new_local_folder, required=True, metavar="DIR", help=text)
    return made
