"""The records of the pipeline, from a page of the dump to training examples: a class for each kind of row.

Only the reader of a dump works with records: a `Page` becomes an `Article`, a `PageTitle` or a `Failure`, and each
record is written to Parquet. Two more uses: titles are read again as records to build an index, and failures of every
later stage are records. After parsing, the stages work with columns: Arrow batches of the schemas in `schemas.arrow`,
many rows at once. `Mention`, `LinkedArticle`, `Entity`, `MentionCount` and `Example` describe a row of these columns.
`mlukit inspect`, tests, benchmarks and the reader of TFRecord make such records. A stage makes them only for the
special entities, the first rows of the vocabulary.

Offsets are Unicode code points into the record's `text`, end exclusive. `language` is the code of a Wikipedia
("en", "zh", "simple"). A QID is kept as its number: 64 stands for Q64; None stands for no item.

Records are plain frozen dataclasses with tuple fields, and are equal if their values are equal. They stay in one
process; processes exchange files and the plans of tasks.
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

Kind: TypeAlias = Literal["article", "list", "disambiguation", "date", "other"]
KINDS: tuple[Kind, ...] = ("article", "list", "disambiguation", "date", "other")

LinkStatus: TypeAlias = Literal[
    "resolved", "redirected", "no_item", "red", "redirect_loop", "redirect_broken", "unknown_wiki"
]
LINK_STATUSES: dict[LinkStatus, str] = {
    "resolved": "the target page has an item",
    "redirected": "the target is a redirect; it, or the page it leads to, has an item",
    "no_item": "the page exists, but no source knows its item",
    "red": "neither the dump nor any source of items knows the title",
    "redirect_loop": "the redirects form a loop",
    "redirect_broken": "the redirect leads to a page that does not exist",
    "unknown_wiki": "the target is in a Wikipedia that is not built",
}

Split: TypeAlias = Literal["train", "validation"]
SPLITS: tuple[Split, ...] = ("train", "validation")


class Span(NamedTuple):
    """A stretch of text."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a dump."""

    page_id: int
    revision_id: int
    namespace: int | None  # None in dumps older than export-0.6, which have no <ns>
    title: str  # with spaces, prefix included
    redirect: str | None  # the title in <redirect title="…"/>; None if the page is not a redirect, and in old dumps
    text: str


@dataclass(frozen=True, slots=True)
class Section:
    """A section: its heading is `text[start : start + len(heading)]`, its body ends at `end`."""

    start: int
    end: int  # before the next heading of the same or a higher level
    level: int  # 2 for == heading ==
    heading: str


class Link(NamedTuple):
    """A wikilink of running text to an article: `text[start:end]` is its anchor, trail and prefix included."""

    start: int
    end: int
    language: str  # the Wikipedia of the target: the article's own, except for [[:fr:X]]
    target: str  # the normalised title, without fragment


@dataclass(frozen=True, slots=True)
class Article:
    """A page's text without markup, and its links before they are looked up."""

    language: str
    page_id: int
    revision_id: int
    title: str
    kind: Kind  # from templates, title and categories; page_props may change it later
    text: str  # paragraphs joined by "\n"
    paragraphs: tuple[Span, ...]
    sections: tuple[Section, ...]
    links: tuple[Link, ...]  # sorted, not overlapping, neither blank nor padded
    interlanguage: tuple[tuple[str, str], ...]  # (language, title) of [[fr:X]]: the same page in other languages


@dataclass(frozen=True, slots=True)
class PageTitle:
    """The facts about a page for the title index: of an article, a redirect, or a page whose text is missing."""

    page_id: int
    title: str
    redirect: str | None  # the normalised title that the redirect leads to; None if the page is not a redirect
    interlanguage: tuple[tuple[str, str], ...] = ()
    revision_id: int = 0  # 0 if unknown
    place: int | None = None  # the place of its article, see `article_place`; None if the page has no article


@dataclass(frozen=True, slots=True)
class Mention:
    """A link with the result of its lookup."""

    start: int
    end: int
    language: str
    target: str
    page: str | None  # the title after redirects; None if no page is known
    qid: int | None
    status: LinkStatus


@dataclass(frozen=True, slots=True)
class LinkedArticle:
    """An article with resolved links."""

    language: str
    page_id: int
    revision_id: int
    title: str
    qid: int | None
    kind: Kind
    split: Split
    text: str
    paragraphs: tuple[Span, ...]
    sections: tuple[Section, ...]
    links: tuple[Mention, ...]


@dataclass(frozen=True, slots=True)
class Entity:
    """A row of the entity vocabulary; special entities have no qid and the ids 0 to 3."""

    entity_id: int
    name: str  # "Q64", "[MASK]"
    qid: int | None
    count: int
    counts: tuple[tuple[str, int], ...]  # by language, in the order of codes
    titles: tuple[tuple[str, str], ...]
    labels: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Example:
    """A training example: the sentences of one page packed to at most 512 tokens."""

    language: str
    page_id: int
    index: int  # counts the page's examples from 0
    split: Split
    token_ids: tuple[int, ...]  # with <s> and </s>, in the ids of Hugging Face's XLM-R
    entity_ids: tuple[int, ...]
    entity_starts: tuple[int, ...]  # into token_ids, <s> counted
    entity_ends: tuple[int, ...]
    sentence_starts: tuple[int, ...]  # into the article's text
    sentence_ends: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Failure:
    """A page or another part of the data that was lost by an error, or was left out for a reason to be recorded."""

    stage: str
    reason: str  # a short name, counted
    language: str
    page_id: int | None
    title: str | None
    detail: str


def article_place(shard: int, row: int) -> int:
    """The place of a parsed article in its language; places ascend in the order of the dump's pages."""
    return shard << 32 | row


def qid_name(qid: int) -> str:
    """Converts 64 to "Q64"."""
    return f"Q{qid}"


def qid_number(name: str) -> int:
    """Converts "Q64" to 64.

    Raises:
        ValueError: `name` is not a QID.
    """
    if name[:1] != "Q" or not (name[1:].isascii() and name[1:].isdigit()):
        raise ValueError(f"{name!r} is not a QID; accepted: Q and a number, such as Q64")
    return int(name[1:])
