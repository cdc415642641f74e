"""The flags of commands that use a trained model: where its examples lie, and the device that it runs on."""

from mlukit.engine.command_parser import CommandParser, with_default
from mlukit.pretraining.local_folder import local_folder


def add_examples(parser: CommandParser) -> None:
    """Adds --examples."""
    text = with_default("Output folder of mlukit build.", "the folder where MODEL found its examples")
    parser.group("input").add_argument("--examples", type=local_folder, metavar="OUT", help=text)


def add_device(parser: CommandParser) -> None:
    """Adds --device."""
    text = with_default("cpu, cuda or cuda:N.", "cuda if there is a GPU")
    parser.group("running").add_argument("--device", metavar="NAME", help=text)
