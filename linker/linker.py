"""The linker of one language: finds names in texts, and says which Wikidata item each name means."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np
import numpy.typing as npt

from mlukit.corpus.detection.find_anchors import Matches, longest
from mlukit.corpus.detection.mention_table import MentionTable
from mlukit.corpus.relatedness.related_entities import RelatedEntities
from mlukit.linker.annotation import Annotation, Candidate
from mlukit.linker.choose_items import Candidates, by_coherence, by_model
from mlukit.linker.normalise_text import NormalisedText, normalise_text
from mlukit.linker.output_files import open_dictionary, open_relatedness
from mlukit.schemas.records import qid_name

if TYPE_CHECKING:
    from mlukit.pretraining.prediction.candidate_logits import CandidateModel

THRESHOLD = 0.01  # of LUKE (Yamada et al., 2020)
_TEXTS = 64  # that a model reads together


@dataclass(frozen=True, slots=True, eq=False)
class Linker:
    """Links names in texts of one language. Each thread needs its own linker.

    Attributes:
        mentions: the mention dictionary of the language.
        related: which entities are related; None to leave the names around out of account.
        model: predicts masked entities; None for no model.
        threshold: the smallest link probability of a name.
    """

    mentions: MentionTable
    related: RelatedEntities | None = None
    model: "CandidateModel | None" = None
    threshold: float = THRESHOLD

    @classmethod
    def open(
        cls,
        output: str | Path,
        language: str,
        *,
        threshold: float = THRESHOLD,
        model: str | Path | None = None,
        device: str | None = None,
    ) -> Self:
        """Opens the linker of a language; its files are mapped into memory, so this takes no time without a model.

        Args:
            output: the output folder of a build with link probabilities.
            language: the code of a Wikipedia.
            threshold: the smallest link probability of a name, from 0 to 1.
            model: a folder of `mlukit train` or `mlukit export`; None for no model, which needs no torch.
            device: of the model: "cpu", "cuda" or "cuda:1"; None for the GPU if there is one.

        Raises:
            LinkerError: the output has no figures of this language, or its files are damaged; the text names the
                command to run.
            PretrainingError: the model cannot be used.
        """
        mentions, related = open_dictionary(Path(output), language), open_relatedness(Path(output))
        if model is None:
            return cls(mentions, related, None, threshold)
        from mlukit.pretraining.prediction.candidate_logits import CandidateModel  # imports torch, which takes seconds

        return cls(mentions, related, CandidateModel.load(str(model), device=device), threshold)

    @property
    def language(self) -> str:
        """The code of the language's Wikipedia."""
        return self.mentions.language

    def __call__(self, text: str, *, candidates: bool = False) -> list[Annotation]:
        """The names of a text from left to right, without overlaps.

        Args:
            text: any text; offsets count its code points.
            candidates: whether each annotation has all its candidates.
        """
        return next(self.pipe([text], candidates=candidates))

    def pipe(self, texts: Iterable[str], *, candidates: bool = False) -> Iterator[list[Annotation]]:
        """The names of each text, in order; a model reads several texts together.

        Args:
            texts: any texts; a few are in memory at once.
            candidates: whether each annotation has all its candidates.
        """
        remaining = iter(texts)
        while chunk := list(islice(remaining, _TEXTS if self.model else 1)):
            normalised = [normalise_text(text) for text in chunk]
            found = [self.detect(text.text) for text in normalised]
            scored = self.choose([text.text for text in normalised], found)
            for given, text, matches, chosen in zip(chunk, normalised, found, scored, strict=True):
                yield self._annotations(given, text, matches, chosen, candidates=candidates)

    def detect(self, text: str) -> Matches:
        """The names of a normalised text: from left to right, always the longest name at the next start."""
        matches = self.mentions.find(text)
        return longest(matches, self.mentions.link_probability[matches.anchor] >= self.threshold)

    def choose(self, texts: Sequence[str], found: Sequence[Matches]) -> list[Candidates]:
        """The candidates of the names of normalised texts, with their scores."""
        scored = [self.by_names_around(self.by_prior(matches)) for matches in found]
        return self.by_model(texts, found, scored)

    def by_prior(self, found: Matches) -> Candidates:
        """The candidates of names, scored by their priors."""
        return Candidates.gather(found.anchor.astype(np.int64), self.mentions.candidates)

    def by_names_around(self, candidates: Candidates) -> Candidates:
        """Scores candidates by the names around, if relatedness is known."""
        return candidates if self.related is None else by_coherence(candidates, self.related.strengths)

    def by_model(
        self, texts: Sequence[str], found: Sequence[Matches], scored: Sequence[Candidates]
    ) -> list[Candidates]:
        """Scores candidates by the model, if there is one."""
        if self.model is None:
            return list(scored)
        from mlukit.pretraining.prediction.candidate_logits import Names

        names = [
            Names(text, list(zip(matches.start.tolist(), matches.end.tolist(), strict=True)), _lists(one))
            for text, matches, one in zip(texts, found, scored, strict=True)
        ]
        return [by_model(one, logits) for one, logits in zip(scored, self.model.logits(names), strict=True)]

    def _annotations(
        self, given: str, text: NormalisedText, found: Matches, chosen: Candidates, *, candidates: bool
    ) -> list[Annotation]:
        starts, ends = text.given_spans(found.start, found.end)
        probabilities = self.mentions.link_probability[found.anchor].tolist()
        best = chosen.best().tolist()
        texts: dict[int, tuple[str | None, str]] = {}
        annotations = []
        for name, (start, end) in enumerate(zip(starts.tolist(), ends.tolist(), strict=True)):
            first = self._candidate(chosen, best[name], texts)
            annotation = Annotation(
                start, end, given[start:end], first.qid, first.title, first.label, first.score, probabilities[name]
            )
            if candidates:
                every = tuple(self._candidate(chosen, row, texts) for row in chosen.rows(name))
                annotation = replace(annotation, candidates=every)
            annotations.append(annotation)
        return annotations

    def _candidate(self, chosen: Candidates, row: int, texts: dict[int, tuple[str | None, str]]) -> Candidate:
        """A candidate; `texts` remembers titles and labels."""
        qid = int(chosen.qids[row])
        if qid not in texts:
            texts[qid] = self.mentions.title_of(qid), self.mentions.label_of(qid) or qid_name(qid)
        title, label = texts[qid]
        score, prior = float(chosen.scores[row]), float(chosen.priors[row])
        return Candidate(qid_name(qid), title, label, score, prior)


def _lists(candidates: Candidates) -> list[list[int]]:
    """The QIDs of each name's candidates."""
    parts: list[npt.NDArray[np.uint32]] = np.split(candidates.qids, candidates.offsets[1:-1]) if len(candidates) else []
    return [part.tolist() for part in parts]
