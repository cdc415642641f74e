"""`mlukit import`: a model of transformers as weights to start training from."""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlukit.pretraining.config import ModelConfig
from mlukit.pretraining.errors import reports_errors
from mlukit.pretraining.training.run_folder import CONFIG, IMPORTED, WEIGHTS, write_json

if TYPE_CHECKING:
    from mlukit.pretraining.hugging_face.imported_model import Imported

_EPILOG = """examples:
  mlukit import DIR --output INIT --examples OUT    DIR: XLM-R, or mLUKE, as `from_pretrained` of transformers reads it
  mlukit train --examples OUT --init INIT --stage 1 --output RUN
DIR holds config.json, the weights (model.safetensors or pytorch_model.bin), sentencepiece.bpe.model or tokenizer.json,
and, for mLUKE, entity_vocab.json. docs/checkpoints.md tells the rest.
"""


@reports_errors("import")
def main(arguments: Sequence[str]) -> int:
    """Runs the command, and returns its exit status."""
    options = _parser().parse_args(arguments)
    from mlukit.pretraining.hugging_face.checkpoint_files import read_checkpoint  # torch, which takes seconds
    from mlukit.pretraining.hugging_face.imported_model import import_model

    if options.output.exists():
        raise FileExistsError(f"{options.output} exists: name a folder that does not")
    source = read_checkpoint(options.folder)
    imported = import_model(source, options.examples, seed=options.seed, entity_width=options.entity_embedding_size)
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
    """The lines that import prints at the end."""
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


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="mlukit import",
        description="Makes weights to start training from of a model of transformers.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("folder", type=Path, metavar="DIR", help="folder of the model")
    parser.add_argument("--output", type=Path, required=True, metavar="INIT", help="folder to write; must not exist")
    parser.add_argument(
        "--examples",
        type=Path,
        metavar="OUT",
        help="output folder of `mlukit build`, whose words and entities the model is for; without it DIR is an mLUKE "
        "that keeps its own",
    )
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="of the new parameters (default: 1)")
    parser.add_argument(
        "--entity-embedding-size",
        type=int,
        default=ModelConfig().entity_embedding_size,
        metavar="N",
        help="where DIR has no entities (default: %(default)s)",
    )
    return parser
