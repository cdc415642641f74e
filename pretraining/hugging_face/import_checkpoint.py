"""`mlukit import`: converts a model of transformers to weights that training starts from."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlukit.corpus.examples.sentencepiece_model import export_problem
from mlukit.engine.command_parser import CommandParser, at_least
from mlukit.pretraining.config import ModelConfig
from mlukit.pretraining.errors import reports_errors
from mlukit.pretraining.local_folder import local_folder, new_local_folder
from mlukit.pretraining.training.run_folder import CONFIG, FINGERPRINTS, IMPORTED, WEIGHTS, write_json
from mlukit.schemas.layout import TOKENIZER

if TYPE_CHECKING:
    from mlukit.pretraining.hugging_face.imported_model import Imported

_EXAMPLES = """\
  mlukit import DIR --output INIT --examples OUT    DIR: XLM-R, or mLUKE, as `from_pretrained` of transformers reads it
  mlukit train --examples OUT --init INIT --stage 1 --output RUN
"""
_NOTE = (
    "DIR holds config.json, the weights (model.safetensors or pytorch_model.bin), sentencepiece.bpe.model or "
    "tokenizer.json, and, for mLUKE, entity_vocab.json. docs/checkpoints.md explains the rest."
)


@reports_errors("import")
def main(arguments: Sequence[str]) -> int:
    """Runs the command, and returns its exit status."""
    options = parser().parse_args(arguments)
    from mlukit.pretraining.hugging_face.checkpoint_files import CheckpointError, read_checkpoint  # torch: seconds
    from mlukit.pretraining.hugging_face.entity_vocabulary import own_fingerprints
    from mlukit.pretraining.hugging_face.imported_model import import_model
    from mlukit.pretraining.training.fingerprints import fingerprints_of_examples

    if options.output.exists():
        raise FileExistsError(f"{options.output} exists: name a folder that does not")
    source = read_checkpoint(options.folder)
    if options.examples and (problem := export_problem((options.examples / TOKENIZER).read_bytes())):
        raise CheckpointError(
            f"{options.examples / TOKENIZER}: {problem}, so no model can be trained on these examples"
        )
    fingerprints = fingerprints_of_examples(options.examples) if options.examples else own_fingerprints(source.folder)
    imported = import_model(source, options.examples, seed=options.seed, entity_width=options.entity_embedding_size)
    imported.report[FINGERPRINTS] = fingerprints  # by which train, fill and export know whose rows the weights have
    write_imported(imported, options.output)
    print(summary(imported.report))
    return 0


def write_imported(imported: "Imported", output: Path) -> None:
    """Writes INIT: the configuration, the parameters under our names, and the report of the import."""
    from safetensors.torch import save_file

    from mlukit.pretraining.hugging_face.new_folder import new_folder

    with new_folder(output) as folder:
        write_json(folder / CONFIG, asdict(imported.config))
        weights = {name: value.contiguous() for name, value in imported.weights.items()}
        save_file(weights, folder / WEIGHTS, {"format": "pt"})
        write_json(folder / IMPORTED, imported.report)


def summary(report: Mapping[str, Any]) -> str:
    """Returns the lines that import prints at the end."""
    found, new, entities, words = (report[name] for name in ("found", "not_found", "entities", "words"))
    found_by = ", ".join(f"{number:,} by {method}" for method, number in entities["found_by"].items())
    lines = [
        f"{report['source']}: {report['model_type']}",
        f"words: {words['rows']:,} rows, {words['dropped']:,} after <mask> left out; tokenizer: "
        f"{words['tokenizer_compared']}",
        f"entities: {entities['found']:,} of {entities['rows']:,} found a row{f' ({found_by})' if found_by else ''}",
        f"parameters found: {len(found)}; new, which stage 1 trains: {len(new)}",
        *(f"  {name}" for name in new),
    ]
    return "\n".join(lines)


def parser() -> CommandParser:
    """Returns the parser of the command's flags."""
    description = "Converts a model of transformers to weights that training starts from."
    made = CommandParser("import", "DIR --output INIT [FLAGS]", description, _EXAMPLES, [_NOTE])
    add = made.group("input").add_argument
    add("folder", type=local_folder, metavar="DIR", help="Folder of the model. Required.")
    text = (
        "Output folder of mlukit build. The weights are for the words and entities of these examples. Without "
        "examples, DIR must be an mLUKE, which keeps its own words and entities."
    )
    add("--examples", type=local_folder, metavar="OUT", help=text)
    text = "Folder to write; it must not exist yet. Required."
    made.group("output").add_argument("--output", type=new_local_folder, required=True, metavar="INIT", help=text)
    add = made.group("new parameters").add_argument
    add("--seed", type=at_least(0), default=1, metavar="N", help="Seed of the random values of new parameters.")
    text = "Width of the entity table, where DIR has no entities."
    add(
        "--entity-embedding-size",
        type=at_least(1),
        default=ModelConfig().entity_embedding_size,
        metavar="N",
        help=text,
    )
    return made
