"""Compares the detection of names with wikipedia2vec and spaCy, in one run over the same held-out pages.

    python3 -m venv PEERS && PEERS/bin/pip install wikipedia2vec spacy
    python -m benchmarks.linking OUT PEERS --dump en=enwiki-….xml.bz2 [--dump it=…]

wikipedia2vec makes its dictionary from the pages of the dump that OUT does not hold out. Its command line gets
`--min-entity-count 1 --min-paragraph-len 0`, so that it counts as many links as mlukit, and `--min-link-prob`.
spaCy's PhraseMatcher has all anchors of our dictionary and no link probabilities: it is compared in speed only. Prints
a table in Markdown: megabytes of UTF-8 a second of one core, and precision, recall and F1 of spans.
"""

import argparse
import bz2
import gzip
import json
import re
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from html import unescape
from pathlib import Path
from typing import IO

import pyarrow.dataset as ds

from benchmarks.linking_peers import PEERS
from mlukit.linker.gold_documents import VALIDATION, GoldDocument, read_gold
from mlukit.linker.linker import Linker
from mlukit.linker.measure import Score
from mlukit.linker.normalise_text import normalise_text

THRESHOLDS = (0.01, 0.1, 0.3)
_TITLE = re.compile(r"<title>(.*?)</title>")


def train_dump(dump: Path, held_out: set[str], out: Path) -> None:
    """Writes a dump without the held-out pages; a dump that is cut off gets an end."""
    opened: Callable[[Path], IO[bytes]] = {".bz2": bz2.open, ".gz": gzip.open}[dump.suffix]
    with opened(dump) as lines, bz2.open(out, "wt", encoding="utf-8") as written:
        page: list[str] | None = None
        for line in _readable(lines):
            if line.strip() == "<page>":
                page = []
            if page is None:
                if line.strip() != "</mediawiki>":
                    written.write(line)
                continue
            page.append(line)
            if line.strip() == "</page>":
                title = _TITLE.search("".join(page[:3]))
                if title is None or unescape(title[1]) not in held_out:
                    written.writelines(page)
                page = None
        written.write("</mediawiki>\n")


def _readable(lines: IO[bytes]) -> Iterator[str]:
    """The lines up to the place where a dump is cut off."""
    try:
        for line in lines:
            yield line.decode(errors="replace")
    except EOFError:
        return


def build_peers(peers: Path, language: str, dump: Path, data: Path) -> None:
    """Makes wikipedia2vec's dictionaries, one for each threshold."""
    command = str(peers / "bin/wikipedia2vec")
    database, dictionary = str(data / "pages"), str(data / "dictionary")
    few = ["--min-entity-count", "1", "--min-paragraph-len", "0", "--min-word-count", "1", "--pool-size", "1"]
    for words in (
        ["build-dump-db", str(dump), database, "--pool-size", "1"],
        ["build-dictionary", database, dictionary, *few],
        *(["build-mention-db", database, dictionary, *_of_threshold(data, threshold)] for threshold in THRESHOLDS),
    ):
        subprocess.run([command, *words], check=True, capture_output=True)


def _of_threshold(data: Path, threshold: float) -> list[str]:
    return [str(data / f"mentions-{threshold:g}"), "--min-link-prob", str(threshold), "--pool-size", "1"]


def score_of(documents: Sequence[GoldDocument], spans: Sequence[Sequence[Sequence[int]]]) -> Score:
    """Counts the spans that are links; spans of links without an item are passed over."""
    score = Score()
    for document, found in zip(documents, spans, strict=True):
        gold = {mention[:2] for mention in document.mentions if mention.qid is not None}
        passed = {mention[:2] for mention in document.mentions if mention.qid is None}
        chosen = {(start, end) for start, end in found} - passed
        score.add(len(gold), len(chosen), len(gold & chosen))
    return score


def ours(linker: Linker, documents: Sequence[GoldDocument]) -> tuple[float, list[list[tuple[int, int]]]]:
    """The seconds of normalisation and detection, the shortest of three runs, and the spans."""
    seconds, spans = [], []
    for _ in range(3):
        began = time.process_time()
        spans = []
        for document in documents:
            text = normalise_text(document.text)
            found = linker.detect(text.text)
            starts, ends = text.given_spans(found.start, found.end)
            spans.append(list(zip(starts.tolist(), ends.tolist(), strict=True)))
        seconds.append(time.process_time() - began)
    return min(seconds), spans


def rows(output: Path, peers: Path, language: str, dump: Path, scratch: Path) -> Iterator[str]:
    """The rows of a language."""
    documents = list(read_gold(VALIDATION, output, [language]))
    megabytes = sum(len(document.text.encode()) for document in documents) / 1e6
    anchors = ds.dataset(sorted((output / "mentions" / language).glob("*.parquet"))).to_table(columns=["anchor"])
    for name, value in (
        ("texts", [document.text for document in documents]),
        ("anchors", list(dict.fromkeys(anchors["anchor"].to_pylist()))),
    ):
        (scratch / f"{name}.json").write_text(json.dumps(value), encoding="utf-8")
    train_dump(dump, {document.name for document in documents}, scratch / "train.xml.bz2")
    build_peers(peers, language, scratch / "train.xml.bz2", scratch)
    first = 0.0
    for threshold in THRESHOLDS:
        seconds, spans = ours(Linker.open(output, language, threshold=threshold), documents)
        first = first or seconds
        yield row(language, "mlukit", threshold, megabytes, seconds, first, score_of(documents, spans))
    for peer in PEERS:
        for threshold in THRESHOLDS if peer == "wikipedia2vec" else THRESHOLDS[:1]:
            command = [str(peers / "bin/python"), str(Path(__file__).with_name("linking_peers.py")), peer]
            files = [str(scratch / "texts.json"), str(scratch / "anchors.json"), str(scratch)]
            done = subprocess.run(
                [*command, *files, str(threshold), language], check=True, capture_output=True, text=True
            )
            found = json.loads(done.stdout.splitlines()[-1])
            score = score_of(documents, found["spans"]) if peer == "wikipedia2vec" else None
            yield row(language, peer, threshold if score else None, megabytes, found["seconds"], first, score)


def row(
    language: str,
    name: str,
    threshold: float | None,
    megabytes: float,
    seconds: float,
    first: float,
    score: Score | None,
) -> str:
    """A row of the table; the ratio is the speed of mlukit at the first threshold, divided by this speed."""
    cells = [language, name, "" if threshold is None else f"{threshold:g}", f"{megabytes / seconds:.2f}"]
    cells.append(f"{seconds / first:.1f}")
    cells += ["", "", ""] if score is None else [f"{v:.3f}" for v in (score.precision, score.recall, score.f1)]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path, metavar="OUT")
    parser.add_argument("peers", type=Path, metavar="PEERS")
    parser.add_argument("--dump", action="append", required=True, metavar="LANGUAGE=FILE")
    options = parser.parse_args()
    print("| | detection | threshold | MB/s | time ÷ mlukit's | precision | recall | F1 |")
    print("| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    for named in options.dump:
        language, _, file = named.partition("=")
        with tempfile.TemporaryDirectory() as scratch:
            for line in rows(options.output, options.peers, language, Path(file), Path(scratch)):
                print(line, flush=True)


if __name__ == "__main__":
    main()
