"""`mlukit evaluate export`: a fine-tuned run for transformers."""

from argparse import Namespace

from mlukit.engine.command_parser import CommandParser
from mlukit.evaluation.errors import say
from mlukit.pretraining.local_folder import local_folder, new_local_folder


def run(flags: Namespace) -> int:
    """Writes the folder; returns the exit status."""
    from mlukit.evaluation.fine_tuning.exported_run import export_run  # imports torch, which takes seconds
    from mlukit.evaluation.fine_tuning.trained_run import load_trained_run

    trained = load_trained_run(flags.run, flags.variant, "cpu")
    architecture = export_run(trained, flags.output)
    say(f"{flags.output} is a {architecture} for transformers; README.md in it shows how to load it")
    return 0


def parser() -> CommandParser:
    """The parser of the command's flags."""
    description = "Writes the model of a fine-tuned RUN that is best on dev, in the layout of transformers."
    examples = "  mlukit evaluate export RUN --output DIR\n"
    made = CommandParser("evaluate export", "RUN --output DIR [FLAGS]", description, examples)
    add = made.group("input").add_argument
    add("run", type=local_folder, metavar="RUN", help="Folder of mlukit evaluate TASK. Required.")
    add("--variant", metavar="NAME", help="Variant of the model. Default: entities, where RUN has them.")
    text = "Folder to write; it must not exist yet. Required."
    made.group("output").add_argument("--output", type=new_local_folder, required=True, metavar="DIR", help=text)
    return made
