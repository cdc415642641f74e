"""Measures a linker on texts whose mentions are known."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from mlukit.corpus.detection.find_anchors import Matches, longest
from mlukit.linker.choose_items import Candidates, Integers
from mlukit.linker.gold_documents import GoldDocument
from mlukit.linker.linker import Linker
from mlukit.linker.normalise_text import NormalisedText, normalise_text

CHOICES = ("prior", "+ coherence", "+ model")
THRESHOLDS = (0.0, 0.001, 0.003, 0.01, 0.03, 0.1, 0.2, 0.3, 0.5, 0.8)
BANDS = (0, 1, 10, 100, 1_000, 10_000)  # the lower borders of Mewsli-9's frequency bins
_DOCUMENTS = 32  # measured together
Span: TypeAlias = tuple[int, int]
Flags: TypeAlias = npt.NDArray[np.bool]


@dataclass(slots=True)
class Score:
    """Counts of which precision and recall are made."""

    gold: int = 0
    found: int = 0
    right: int = 0

    def add(self, gold: int, found: int, right: int) -> None:
        """Adds the counts of a text."""
        self.gold += gold
        self.found += found
        self.right += right

    @property
    def precision(self) -> float:
        """The share of what was found that is right."""
        return self.right / self.found if self.found else 0.0

    @property
    def recall(self) -> float:
        """The share of the gold that was found."""
        return self.right / self.gold if self.gold else 0.0

    @property
    def f1(self) -> float:
        """The harmonic mean of precision and recall."""
        return 2 * self.right / (self.found + self.gold) if self.found + self.gold else 0.0


@dataclass(slots=True)
class Measured:
    """The counts of some documents, of one language.

    Attributes:
        documents: the number of documents.
        spans: of names, at the linker's threshold.
        curve: `spans` at other thresholds.
        named: gold mentions whose text is in the dictionary.
        reachable: gold mentions whose item is among the candidates of their text.
        ambiguous: of these, the mentions with several candidates.
        resolved: ambiguous mentions whose item is chosen, by choice.
        bands: gold mentions by `BANDS`, the frequency of their item.
        right: gold mentions whose item is chosen, given their spans, by choice and band.
        linked: names of which span and item are right, by choice and band.
    """

    documents: int = 0
    spans: Score = field(default_factory=Score)
    curve: dict[float, Score] = field(default_factory=lambda: {threshold: Score() for threshold in THRESHOLDS})
    named: int = 0
    reachable: int = 0
    ambiguous: int = 0
    resolved: Counter[str] = field(default_factory=Counter)
    bands: Counter[int] = field(default_factory=Counter)
    right: Counter[tuple[str, int]] = field(default_factory=Counter)
    linked: Counter[tuple[str, int]] = field(default_factory=Counter)

    def add(self, other: "Measured") -> None:
        """Adds the counts of other documents."""
        self.documents += other.documents
        for score, one in [(self.spans, other.spans), *((self.curve[t], other.curve[t]) for t in THRESHOLDS)]:
            score.add(one.gold, one.found, one.right)
        self.named += other.named
        self.reachable += other.reachable
        self.ambiguous += other.ambiguous
        self.resolved += other.resolved
        self.bands += other.bands
        self.right += other.right
        self.linked += other.linked


def measure(linker: Linker, documents: Iterable[GoldDocument], frequency: Counter[int]) -> Measured:
    """Measures a linker on documents of its language.

    Args:
        linker: the linker.
        documents: the documents; a few are in memory.
        frequency: the number of train links to each item.
    """
    measured, remaining = Measured(), iter(documents)
    while chunk := list(islice(remaining, _DOCUMENTS)):
        texts = [normalise_text(document.text) for document in chunk]
        matches = [linker.mentions.find(text.text) for text in texts]
        for document, text, found in zip(chunk, texts, matches, strict=True):
            _add_spans(measured, linker, document, text, found)
        _add_items(measured, linker, chunk, texts, matches, frequency)
    return measured


def _add_spans(
    measured: Measured, linker: Linker, document: GoldDocument, text: NormalisedText, matches: Matches
) -> None:
    """Counts found spans at all thresholds."""
    measured.documents += 1
    gold, passed = _gold_spans(document), _passed_spans(document)
    probabilities = linker.mentions.link_probability[matches.anchor]
    for threshold, score in [(linker.threshold, measured.spans), *measured.curve.items()]:
        spans = set(_spans(text, longest(matches, probabilities >= threshold))) - passed
        score.add(len(gold), len(spans), len(gold.keys() & spans))


def _add_items(
    measured: Measured,
    linker: Linker,
    documents: Sequence[GoldDocument],
    texts: Sequence[NormalisedText],
    matches: Sequence[Matches],
    frequency: Counter[int],
) -> None:
    """Counts chosen items, given the gold spans and for found spans."""
    plain = [text.text for text in texts]
    given = [_given(linker, document) for document in documents]
    found = [longest(one, linker.mentions.link_probability[one.anchor] >= linker.threshold) for one in matches]
    for document, one in zip(documents, given, strict=True):
        gold = _gold_spans(document)
        measured.named += len(one)
        measured.bands.update(band_of(frequency[qid]) for qid in gold.values())
        reachable, ambiguous = _reachable(linker.by_prior(one), _wanted(one, gold))
        measured.reachable += int(reachable.sum())
        measured.ambiguous += int((reachable & ambiguous).sum())
    for choice, scored in _choices(linker, [document.text for document in documents], given):
        for document, one, candidates in zip(documents, given, scored, strict=True):
            gold = _gold_spans(document)
            _add_right(measured.right, choice, _spans(None, one), candidates, gold, frequency)
            reachable, ambiguous = _reachable(candidates, wanted := _wanted(one, gold))
            right = candidates.qids[candidates.best()] == wanted
            measured.resolved[choice] += int((reachable & ambiguous & right).sum())
    for choice, scored in _choices(linker, plain, found):
        for document, text, one, candidates in zip(documents, texts, found, scored, strict=True):
            _add_right(measured.linked, choice, _spans(text, one), candidates, _gold_spans(document), frequency)


def _given(linker: Linker, document: GoldDocument) -> Matches:
    """The gold mentions whose text is in the dictionary, as names found in the given text."""
    mentions = [mention for mention in document.mentions if mention.qid is not None]
    names = [normalise_text(document.text[mention.start : mention.end]).text for mention in mentions]
    rows = linker.mentions.match_table.rows_of(names)
    spans = np.array([mention[:2] for mention in mentions], np.int64).reshape(-1, 2)
    known = rows >= 0
    starts, ends = spans[known].T
    return Matches(np.zeros(len(starts), np.int64), starts, ends, rows[known].astype(np.uint32))


def _choices(
    linker: Linker, texts: Sequence[str], found: Sequence[Matches]
) -> Iterator[tuple[str, Sequence[Candidates]]]:
    """The candidates of names, scored in each way that the linker can, each of which adds to the one before."""
    scored = [linker.by_prior(matches) for matches in found]
    yield CHOICES[0], scored
    scored = [linker.by_names_around(candidates) for candidates in scored]
    yield CHOICES[1], scored
    if linker.model is not None:
        yield CHOICES[2], linker.by_model(texts, found, scored)


def _add_right(
    counts: Counter[tuple[str, int]],
    choice: str,
    spans: Sequence[Span],
    candidates: Candidates,
    gold: dict[Span, int],
    frequency: Counter[int],
) -> None:
    chosen = candidates.qids[candidates.best()].tolist()
    for span, qid in zip(spans, chosen, strict=True):
        if gold.get(span) == qid:
            counts[choice, band_of(frequency[qid])] += 1


def _wanted(given: Matches, gold: dict[Span, int]) -> Integers:
    """The items of gold mentions."""
    return np.array([gold[span] for span in _spans(None, given)], np.int64)


def _reachable(candidates: Candidates, wanted: Integers) -> tuple[Flags, Flags]:
    """Whether the wanted item of each mention is among its candidates, and whether it has several candidates."""
    same = candidates.qids == wanted[candidates.names]
    return np.bincount(candidates.names[same], minlength=len(wanted)) > 0, np.diff(candidates.offsets) > 1


def _spans(text: NormalisedText | None, found: Matches) -> list[Span]:
    """The spans of names in the given text."""
    starts, ends = (found.start, found.end) if text is None else text.given_spans(found.start, found.end)
    return list(zip(starts.tolist(), ends.tolist(), strict=True))


def _gold_spans(document: GoldDocument) -> dict[Span, int]:
    return {(start, end): qid for start, end, qid in document.mentions if qid is not None}


def _passed_spans(document: GoldDocument) -> set[Span]:
    """The spans of mentions without an item, which are neither right nor wrong."""
    return {(start, end) for start, end, qid in document.mentions if qid is None}


def band_of(links: int) -> int:
    """The lower border of the frequency band of an item with this many links."""
    return max(border for border in BANDS if border <= links)
