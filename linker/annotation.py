"""What the linker says of a text: spans with their items, and the other items that a span may mean."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Candidate:
    """An item that a name may mean.

    Attributes:
        qid: the Wikidata item, such as "Q64".
        title: of the item's page in the linker's language; None if there is no such page.
        label: for people; the QID if the item has neither a label nor a title.
        score: the probability of the item among the candidates, from 0 to 1.
        prior: the share of the name's links in Wikipedia that go to the item.
    """

    qid: str
    title: str | None
    label: str
    score: float
    prior: float


@dataclass(frozen=True, slots=True)
class Annotation:
    """A name in a text, `text[start:end]`, and the item that it most likely means.

    Attributes:
        start: the first code point of the name in the given text.
        end: the code point after the name.
        text: the name as the text has it.
        qid: see `Candidate`, as are title, label and score.
        title: see `Candidate`.
        label: see `Candidate`.
        score: see `Candidate`.
        link_probability: the share of the pages with the name in their text that link it.
        candidates: all items that the name may mean, the most likely first; empty unless asked for.
    """

    start: int
    end: int
    text: str
    qid: str
    title: str | None
    label: str
    score: float
    link_probability: float
    candidates: tuple[Candidate, ...] = ()
