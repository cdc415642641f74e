"""Draws names that the linker finds on held-out pages and that no editor linked there, for people to judge.

    python -m benchmarks.false_names OUT --languages en,it,ja,el,vi --number 40

Prints a table in Markdown with an empty column for verdicts. The names are drawn by a hash, so each run draws the same
ones from the same output.
"""

import argparse
import hashlib
from collections.abc import Iterator
from heapq import nsmallest
from pathlib import Path
from typing import NamedTuple

from mlukit.linker.annotation import Annotation
from mlukit.linker.gold_documents import VALIDATION, GoldDocument, read_gold
from mlukit.linker.linker import THRESHOLD, Linker

CONTEXT = 45  # characters on each side


class Drawn(NamedTuple):
    """A name that no link covers exactly."""

    order: bytes
    document: GoldDocument
    name: Annotation


def false_names(linker: Linker, output: Path) -> Iterator[Drawn]:
    """The names on the held-out pages of a language that are not links there."""
    for document in read_gold(VALIDATION, output, [linker.language]):
        links = {mention[:2] for mention in document.mentions}
        for name in linker(document.text):
            if (name.start, name.end) not in links:
                key = f"{linker.language}:{document.name}:{name.start}".encode()
                yield Drawn(hashlib.sha256(key).digest(), document, name)


def row(drawn: Drawn) -> str:
    """A row of the table: the name in brackets with the text around, and the item."""
    _, document, name = drawn
    before = document.text[max(0, name.start - CONTEXT) : name.start]
    after = document.text[name.end : name.end + CONTEXT]
    context = " ".join(f"{before}[{name.text}]{after}".split()).replace("|", "¦").replace("`", "'")
    return f"| {document.language} | {context} | {name.label} | {name.link_probability:.2f} | |"


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path, metavar="OUT")
    parser.add_argument("--languages", default="en,it,ja,el,vi")
    parser.add_argument("--number", type=int, default=40)
    parser.add_argument("--threshold", type=float, default=THRESHOLD)
    options = parser.parse_args()
    print("| | text | item | link probability | verdict |\n| --- | --- | --- | ---: | --- |")
    for language in options.languages.split(","):
        linker = Linker.open(options.output, language, threshold=options.threshold)
        for drawn in nsmallest(options.number, false_names(linker, options.output)):
            print(row(drawn))


if __name__ == "__main__":
    main()
