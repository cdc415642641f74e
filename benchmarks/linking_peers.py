"""Finds names with other programs; linking.py calls this with the Python that has the programs.

    python linking_peers.py PEER TEXTS.json ANCHORS.json DATA THRESHOLD

TEXTS has a list of texts, ANCHORS a list of the anchors of our dictionary. DATA is the folder of what wikipedia2vec
made of a dump. Prints a JSON object: the seconds of processor time, and for each text the spans of names.
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

Find: TypeAlias = Callable[[str], list[tuple[int, int]]]


def spacy_phrase_matcher(language: str, anchors: list[str], data: Path, threshold: float) -> Find:
    """spaCy's PhraseMatcher over all anchors, with the tokenizer of a blank pipeline; all places, overlaps too."""
    import spacy
    from spacy.matcher import PhraseMatcher

    pipeline = spacy.blank(language)
    pipeline.max_length = 1 << 30
    matcher = PhraseMatcher(pipeline.vocab)
    matcher.add("anchor", [pipeline.make_doc(anchor) for anchor in anchors])

    def find(text: str) -> list[tuple[int, int]]:
        document = pipeline.make_doc(text)
        spans = [document[start:end] for _, start, end in matcher(document)]
        return [(span.start_char, span.end_char) for span in spans]

    return find


def wikipedia2vec(language: str, anchors: list[str], data: Path, threshold: float) -> Find:
    """`MentionDB.detect_mentions` on each paragraph, with the tokenizer that its commands use by default."""
    from wikipedia2vec.dictionary import Dictionary
    from wikipedia2vec.mention_db import MentionDB
    from wikipedia2vec.utils.tokenizer.regexp_tokenizer import RegexpTokenizer

    names = MentionDB.load(str(data / f"mentions-{threshold:g}"), Dictionary.load(str(data / "dictionary")))
    tokenizer = RegexpTokenizer()

    def find(text: str) -> list[tuple[int, int]]:
        spans, offset = [], 0
        for paragraph in text.split("\n"):  # as wikipedia2vec reads pages; its time is quadratic in the length
            found: list[Any] = names.detect_mentions(paragraph, tokenizer.tokenize(paragraph))
            spans += [(offset + mention.start, offset + mention.end) for mention in found]
            offset += len(paragraph) + 1
        return spans

    return find


PEERS = {"spaCy PhraseMatcher": spacy_phrase_matcher, "wikipedia2vec": wikipedia2vec}


def main() -> None:
    """Prints what one peer found, and how long it took: the shortest of three runs, as for mlukit."""
    peer, texts_file, anchors_file, data, threshold, language = sys.argv[1:]
    texts, anchors = (json.loads(Path(file).read_text(encoding="utf-8")) for file in (texts_file, anchors_file))
    find = PEERS[peer](language, anchors, Path(data), float(threshold))
    seconds, spans = [], []
    for _ in range(3):
        began = time.process_time()
        spans = [find(text) for text in texts]
        seconds.append(time.process_time() - began)
    print(json.dumps({"seconds": min(seconds), "spans": spans}))


if __name__ == "__main__":
    main()
