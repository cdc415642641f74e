"""Names that a dictionary has, in texts."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple, Protocol

import numpy as np

from mlukit.corpus.detection.word_borders import WordBorders, code_points_of
from mlukit.linker.normalise_text import normalise_text

MOST_WORDS = 10  # of a name, with blanks between them


class FoundName(NamedTuple):
    """A name in a text.

    Attributes:
        start: its first code point.
        end: the code point after it.
        entity: by its name in an entity vocabulary, such as "Q64" or "de:Berlin".
    """

    start: int
    end: int
    entity: str


class TextOfArticle(NamedTuple):
    """What names are looked for in.

    Attributes:
        text: the text.
        language: of the text.
        title: of the article that the text is about; "" for no article.
        title_language: of the Wikipedia that has the article.
    """

    text: str
    language: str
    title: str = ""
    title_language: str = ""


class Names(Protocol):
    """Finds names in texts about an article."""

    def find(self, asked: TextOfArticle) -> list[FoundName]:
        """The names of a text from left to right, without overlaps."""


@dataclass(frozen=True, slots=True, eq=False)
class NameDictionary:
    """Names in one language, each with its entity.

    Attributes:
        language: of the names.
        entities: of the names, exactly as they stand in texts.
        longest: code points of the longest name.
    """

    language: str
    entities: Mapping[str, str]
    longest: int

    @classmethod
    def make(cls, language: str, entities: Mapping[str, str]) -> "NameDictionary":
        """Leaves out names of more than `MOST_WORDS` words."""
        short = {name: entity for name, entity in entities.items() if 0 < len(name.split()) <= MOST_WORDS}
        return cls(language, short, max(map(len, short), default=0))

    def find(self, given: str) -> list[FoundName]:
        """The names of a text: from left to right, always the longest name at the next border of words."""
        normalised = normalise_text(given)
        text = normalised.text
        borders = _borders(self.language).find(text, code_points_of(text)).tolist() if self.entities else []
        spans, first = [], 0
        while first < len(borders) - 1:
            start, last = borders[first], first
            for number in range(first + 1, len(borders)):
                if borders[number] - start > self.longest:
                    break
                if text[start : borders[number]] in self.entities:
                    last = number
            if last > first:
                spans.append((start, borders[last]))
            first = max(last, first + 1)
        places = np.array(spans, np.int64).reshape(-1, 2)
        starts, ends = normalised.given_spans(places[:, 0], places[:, 1])
        entities = [self.entities[text[start:end]] for start, end in spans]
        return [FoundName(*one) for one in zip(starts.tolist(), ends.tolist(), entities, strict=True)]


@lru_cache(maxsize=64)
def _borders(language: str) -> WordBorders:
    return WordBorders(language)
