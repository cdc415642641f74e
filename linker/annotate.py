"""`mlukit annotate`: names in plain text, with the Wikidata item of each."""

import sys
from argparse import ArgumentTypeError, Namespace
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mlukit.engine.command_parser import CommandParser, nearest
from mlukit.linker.gold_documents import VALIDATION, GoldDocument, read_gold
from mlukit.linker.gold_report import report
from mlukit.linker.linker import THRESHOLD, Linker
from mlukit.linker.measure import Measured, measure
from mlukit.linker.output_files import LinkerError, languages_of
from mlukit.linker.write_annotations import FORMATS
from mlukit.pretraining.errors import reports_errors, warn
from mlukit.pretraining.local_folder import local_folder
from mlukit.pretraining.prediction.model_flags import add_device
from mlukit.schemas import layout
from mlukit.schemas.records import qid_name, qid_number
from mlukit.schemas.wording import counted

_EXAMPLES = """\
  echo 'Die Spree fließt durch Berlin.' | mlukit annotate OUT --language de -
  mlukit annotate OUT --language ja a.txt b.txt --format html > page.html
  mlukit annotate OUT --language de a.txt --model RUN --candidates
  mlukit annotate OUT --gold validation           # how right it is, on the pages that were held out
"""
_NOTES = [
    "Each line of a FILE is a text. Spans count code points of the line, and the end is exclusive. Bytes that are not "
    "UTF-8 are read as U+FFFD.",
    "OUT needs link probabilities: mlukit build --link-probability, or mlukit mentions OUT.",
]


@reports_errors("annotate")
def main(arguments: Sequence[str]) -> int:
    """Runs the command, and returns its exit status."""
    options = parser().parse_args(arguments)
    if options.gold:
        _measure(options)
    else:
        _annotate(options)
    return 0


def _annotate(options: Namespace) -> None:
    """Prints the annotations of each line of each file."""
    if not options.files:
        raise LinkerError("FILE is missing: name files of text, or - for standard input")
    if options.language is None:
        raise LinkerError(f"--language is missing; accepted: {', '.join(languages_of(options.output))}")
    _check_files(options.files)
    linker = _open(options, options.language)
    writer = FORMATS[options.format](sys.stdout, options.language)
    writer.begin()
    for file in options.files:
        writer.begin_file(file)
        with _opened(file) as stream:
            lines, texts = _tee(_lines(stream, file))
            found = linker.pipe(lines, candidates=options.candidates)
            for number, annotations in enumerate(found, 1):
                writer.write(number, texts.pop(0), annotations)
    writer.end()


def _open(options: Namespace, language: str) -> Linker:
    return Linker.open(
        options.output, language, threshold=options.threshold, model=options.model, device=options.device
    )


def _check_files(files: Sequence[str]) -> None:
    """Refuses, before anything is written, files that cannot be read."""
    for file in files:
        if file == "-" and sys.stdin is None:
            raise LinkerError("FILE is -, and standard input is closed: name a file of text")
        if file != "-" and not Path(file).exists():
            raise LinkerError(f"there is no file {file}: name a file of text, or - for standard input")
        if file != "-" and Path(file).is_dir():
            raise LinkerError(f"{file} is a folder: name a file of text, or - for standard input")
    if files.count("-") > 1:
        raise LinkerError("FILE is - more than once; standard input can be read once")


@contextmanager
def _opened(file: str) -> Iterator[BinaryIO]:
    if file == "-":
        yield sys.stdin.buffer
    else:
        with Path(file).open("rb") as stream:
            yield stream


def _lines(stream: BinaryIO, name: str) -> Iterator[str]:
    """The lines of a stream without their ends; warns of lines that are not UTF-8."""
    wrong = 0
    for line in stream:
        content = line.removesuffix(b"\n").removesuffix(b"\r")
        try:
            yield content.decode()
        except UnicodeDecodeError:
            wrong += 1
            yield content.decode(errors="replace")
    if wrong:
        warn("annotate", f"{name}: {counted(wrong, 'line')} with bytes that are not UTF-8, which were read as U+FFFD")


def _tee(lines: Iterator[str]) -> tuple[Iterator[str], list[str]]:
    """The lines, and a list of those that were read: a linker with a model reads some lines ahead."""
    read: list[str] = []

    def remember() -> Iterator[str]:
        for line in lines:
            read.append(line)
            yield line

    return remember(), read


def _measure(options: Namespace) -> None:
    """Prints the tables of what the linker gets right."""
    if options.files:
        raise LinkerError(f"{options.files[0]} does not go with --gold, which reads its own texts")
    known = languages_of(options.output)
    wanted = known if options.language is None else [options.language]
    found: dict[str, Measured] = {}
    for language, documents in _by_language(read_gold(options.gold, options.output, wanted)):
        frequency = _frequencies(options.output, known, documents)
        found.setdefault(language, Measured()).add(measure(_open(options, language), documents, frequency))
    print("\n".join(report(found, options.threshold)))


def _by_language(documents: Iterator[GoldDocument]) -> Iterator[tuple[str, list[GoldDocument]]]:
    """The documents of each language, one language in memory after the other if the gold has them in order."""
    group: list[GoldDocument] = []
    for document in documents:
        if group and group[0].language != document.language:
            yield group[0].language, group
            group = []
        group.append(document)
    if group:
        yield group[0].language, group


def _frequencies(output: Path, languages: Sequence[str], documents: Sequence[GoldDocument]) -> Counter[int]:
    """The number of train links to each item of some documents, over all languages."""
    items = {mention.qid for document in documents for mention in document.mentions if mention.qid is not None}
    wanted = pa.array([qid_name(qid) for qid in sorted(items)], pa.string())
    counts: Counter[int] = Counter()
    for language in languages:
        for file in sorted((output / layout.folder(layout.MENTIONS, language)).glob("*.parquet")):
            with pq.ParquetFile(file) as mentions:
                for batch in mentions.iter_batches(columns=["qid", "linked"], use_threads=False):
                    rows = batch.filter(pc.is_in(batch["qid"], value_set=wanted))
                    for qid, linked in zip(rows["qid"].to_pylist(), rows["linked"].to_pylist(), strict=True):
                        counts[qid_number(qid)] += linked
    return counts


def _probability(text: str) -> float:
    """Reads --threshold."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise ArgumentTypeError(f"{text!r} is not a number from 0 to 1")
    return value


def _format(text: str) -> str:
    """Reads --format."""
    if text not in FORMATS:
        raise ArgumentTypeError(f"{text!r} is not one of {', '.join(FORMATS)}{nearest(text, list(FORMATS))}")
    return text


def parser() -> CommandParser:
    """Of the command's flags."""
    description = "Finds names in plain text, and says which Wikidata item each name means."
    made = CommandParser("annotate", "OUT --language CODE FILE… [FLAGS]", description, _EXAMPLES, _NOTES)
    add = made.group("input").add_argument
    add("output", type=local_folder, metavar="OUT", help="Output folder of mlukit build. Required.")
    add("files", nargs="*", metavar="FILE", help="Texts, one on each line; - reads standard input.")
    text = "Language of the texts: the code of a Wikipedia in OUT. Required without --gold."
    add("--language", metavar="CODE", help=text)
    text = f"Measure the linker on known mentions: {VALIDATION}, or a folder in the form of Mewsli-9."
    add("--gold", metavar="GOLD", help=text)
    add = made.group("names and items").add_argument
    text = "Smallest link probability of a name, from 0 to 1."
    add("--threshold", type=_probability, default=THRESHOLD, metavar="P", help=text)
    text = "Folder of mlukit train or export, whose model helps to choose among items."
    add("--model", type=local_folder, metavar="MODEL", help=text)
    add = made.group("output").add_argument
    add("--format", type=_format, default="jsonl", metavar="NAME", help=f"One of {', '.join(FORMATS)}.")
    add("--candidates", action="store_true", default=False, help="Show all items that a name may mean.")
    add_device(made)
    return made
