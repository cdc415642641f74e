"""`mlukit embed`: the states of texts and of the entities in them, from JSON lines to Parquet."""

import json
import sys
from argparse import ArgumentTypeError
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from mlukit.engine.command_parser import CommandParser, nearest
from mlukit.pretraining.errors import PretrainingError, reports_errors, say
from mlukit.pretraining.local_folder import local_folder, new_local_folder
from mlukit.pretraining.prediction.model_flags import add_device, add_examples
from mlukit.schemas.wording import counted

if TYPE_CHECKING:
    from mlukit.pretraining.prediction.loaded_model import Embedding, LoadedModel

STATES = ("sentence", "words", "entities")
_ROWS = 1_024  # of a row group
_VECTOR = pa.list_(pa.float32())
_FIELDS = {
    "sentence": [pa.field("sentence", _VECTOR)],
    "words": [pa.field("pieces", pa.list_(pa.string())), pa.field("words", pa.list_(_VECTOR))],
    "entities": [pa.field("mentions", pa.list_(pa.int32())), pa.field("entities", pa.list_(_VECTOR))],
}
_EXAMPLES = """\
  mlukit embed RUN texts.jsonl --output states.parquet
  echo '{"text": "Berlin liegt an der Spree.", "mentions": [[0, 6, "Q64"]]}' | mlukit embed RUN - --output s.parquet
"""
_NOTE = (
    'A line of FILE is {"text": "…", "mentions": [[start, end, "Q64"], …], "id": "…"}. Offsets count code points, and '
    "the end is exclusive. A mention without a name, [start, end], is [MASK]: the model says which entity it is. "
    '"mentions" and "id" may be missing. A line with a fault, such as a mention outside its text, has a row with the '
    "reason in the column `failure`; the exit status is 0 all the same."
)
_TOLD = {
    "failed": "could not be read (column `failure`)",
    "cut": "longer than the model takes, without the end (column `cut`)",
    "unknown": "with entities that the vocabulary does not have (column `unknown`)",
}
_say = partial(say, "embed")


class LineError(PretrainingError):
    """A line, or a file, is not what it should be; the message shows it, and what would be accepted."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the input: a text with its mentions, or why it is not one."""

    id: str
    text: str = ""
    mentions: tuple[tuple[Any, ...], ...] = ()
    failure: str = ""


@reports_errors("embed")
def main(arguments: Sequence[str]) -> int:
    """Runs the command, and returns its exit status."""
    options = parser().parse_args(arguments)
    _check_files(options.file, options.output)
    from mlukit.pretraining.prediction.load_model import load_model  # imports torch, which takes seconds

    model = load_model(options.model, options.examples, options.device)
    if options.file == "-":
        _embed(model, sys.stdin.buffer, options.states, options.output)
    else:
        with Path(options.file).open("rb") as lines:
            _embed(model, lines, options.states, options.output)
    return 0


def _check_files(file: str, output: Path) -> None:
    """Refuses, before the model is loaded, an input that cannot be read and an output that cannot be written."""
    if file == "-" and sys.stdin is None:
        raise LineError("FILE is -, and standard input is closed: name a file of JSON lines")
    if file != "-" and not Path(file).exists():
        raise LineError(f"there is no file {file}: name a file of JSON lines, or - for standard input")
    if file != "-" and Path(file).is_dir():
        raise LineError(f"{file} is a folder: name a file of JSON lines, or - for standard input")
    if output.is_dir():
        raise LineError(f"--output {output} is a folder: name a Parquet file")
    if not output.parent.is_dir():
        raise LineError(f"--output {output}: there is no folder {output.parent}")


def _embed(model: "LoadedModel", lines: BinaryIO, states: Sequence[str], output: Path) -> None:
    """Writes a row for each line; the file has its name only when it is whole."""
    temporary = output.with_name(f".{output.name}.writing")
    counts: Counter[str] = Counter()
    try:
        with pq.ParquetWriter(temporary, schema(states), compression="zstd") as writer:
            for rows in _chunks(lines):
                writer.write_table(_table(model, rows, states, counts))
                _say(counted(counts["texts"], "text"))
        temporary.replace(output)
    finally:
        temporary.unlink(missing_ok=True)
    told = [f"{counted(counts[what], 'text')} {text}" for what, text in _TOLD.items() if counts[what]]
    _say(f"{output} has {counted(counts['texts'], 'text')}{''.join(f'; {one}' for one in told)}")


def _chunks(lines: BinaryIO) -> Iterator[list[Line]]:
    """The lines, as many at once as a row group has."""
    numbered = enumerate(lines, 1)
    while chunk := [read_line(line, number) for number, line in islice(numbered, _ROWS)]:
        yield chunk


def read_line(line: bytes, number: int) -> Line:
    """Reads a line of the input; a line that is not a text with mentions has the reason in `failure`.

    Args:
        line: JSON.
        number: of the line, from 1 on; the id of a text that has none.
    """
    try:
        value = json.loads(line.decode())
    except UnicodeDecodeError:
        return Line(str(number), failure=f"line {number} is not UTF-8")
    except ValueError as error:
        return Line(str(number), failure=f"line {number} is not JSON: {error}")
    if not isinstance(value, dict) or not isinstance(value.get("text"), str):
        return Line(str(number), failure=f'line {number} is not an object with a "text"')
    name = str(value.get("id", number))
    try:
        return Line(name, value["text"], tuple(map(_mention, value.get("mentions") or [])))
    except LineError as error:
        return Line(name, failure=f"line {number}: {error}")
    except TypeError:
        return Line(name, failure=f'line {number}: "mentions" is {value["mentions"]!r}, and should be a list')


def _mention(value: Any) -> tuple[Any, ...]:
    """Start, end and, if the line has it, the entity's name."""
    if any(isinstance(one, bool) for one in (value.values() if isinstance(value, dict) else value)):
        raise LineError(f"the mention {value!r} has true or false where a number is expected")
    match value:
        case [int(start), int(end), *name] if len(name) < 2 and all(isinstance(one, str) for one in name):
            return (start, end, *name)
        case {"start": int(start), "end": int(end), "entity": str(name)}:
            return (start, end, name)
        case {"start": int(start), "end": int(end)}:
            return (start, end)
    raise LineError(f"the mention {value!r} is not [start, end] or [start, end, entity]")


def schema(states: Sequence[str]) -> pa.Schema:
    """The columns of the output for some of STATES."""
    fields = [pa.field("id", pa.string(), nullable=False)]
    fields += [field for name in STATES if name in states for field in _FIELDS[name]]
    fields += [pa.field("unknown", pa.list_(pa.int32())), pa.field("cut", pa.bool_()), pa.field("failure", pa.string())]
    return pa.schema(fields)


def _table(model: "LoadedModel", lines: Sequence[Line], states: Sequence[str], counts: Counter[str]) -> pa.Table:
    embedded = _embedded(model, lines)
    rows: list[dict[str, Any]] = []
    for line, found in zip(lines, embedded, strict=True):
        counts["texts"] += 1
        if isinstance(found, str):
            counts["failed"] += 1
            rows.append({"id": line.id, "failure": found})
        else:
            counts["cut"] += found.cut
            counts["unknown"] += bool(found.unknown)
            rows.append({"id": line.id, **_row(found)})
    return pa.Table.from_pylist(rows, schema(states))


def _embedded(model: "LoadedModel", lines: Sequence[Line]) -> list["Embedding | str"]:
    """The states of each line, or why there are none."""
    good = [line for line in lines if not line.failure]
    try:
        found: Iterator[Embedding | str] = iter(_states(model, good))
    except PretrainingError:  # of one text: the others are not lost
        found = iter([_states_or_failure(model, line) for line in good])
    return [line.failure or next(found) for line in lines]


def _states(model: "LoadedModel", lines: Sequence[Line]) -> "list[Embedding]":
    return model.embed([line.text for line in lines], [line.mentions for line in lines], cut=True)


def _states_or_failure(model: "LoadedModel", line: Line) -> "Embedding | str":
    try:
        return _states(model, [line])[0]
    except PretrainingError as error:
        return str(error)


def _row(found: "Embedding") -> Mapping[str, Any]:
    return {
        "sentence": found.sentence.numpy(),
        "pieces": found.pieces,
        "words": list(found.words.numpy()),
        "mentions": found.mentions,
        "entities": list(found.entities.numpy()),
        "unknown": found.unknown,
        "cut": found.cut,
    }


def _states_of(text: str) -> tuple[str, ...]:
    """Reads --states."""
    found = {name.strip() for name in text.split(",")}
    for name in sorted(found):
        if name not in STATES:
            raise ArgumentTypeError(f"{name!r} is not one of {', '.join(STATES)}{nearest(name, STATES)}")
    return tuple(name for name in STATES if name in found)


def parser() -> CommandParser:
    """Of the command's flags."""
    description = "Writes the states of a model's last layer for texts, their words and the entities in them."
    made = CommandParser("embed", "MODEL FILE --output STATES [FLAGS]", description, _EXAMPLES, [_NOTE])
    add = made.group("input").add_argument
    text = "Folder of mlukit train, import or export, or of XLM-R or mLUKE as transformers has it. Required."
    add("model", type=local_folder, metavar="MODEL", help=text)
    add("file", metavar="FILE", help="Texts as JSON lines; - reads standard input. Required.")
    add_examples(made)
    add = made.group("output").add_argument
    add("--output", type=new_local_folder, required=True, metavar="STATES", help="Parquet file to write. Required.")
    text = f"States to write, comma-separated: {', '.join(STATES)}. words are large: a vector for each token."
    add("--states", type=_states_of, default=("sentence", "entities"), metavar="NAMES", help=text)
    add_device(made)
    return made
