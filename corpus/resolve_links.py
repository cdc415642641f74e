"""Looks up what articles' links denote, a batch of articles at a time and column by column."""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from corpus.splits import VALIDATION_SHARE, split_of
from corpus.title_index import Alternatives, Found, TitleIndex
from schemas.arrow import ARTICLE_ROWS, ARTICLES, PARSED_ARTICLE_ROWS
from schemas.records import Article, LinkedArticle, qid_name

_UNKNOWN_WIKI = Found(None, None, "unknown_wiki", False)
_SEPARATOR = ":"  # in no language's code

_AlternativesOf: TypeAlias = Mapping[str, Alternatives]


def resolve_batch(
    parsed: pa.RecordBatch,
    indexes: Mapping[str, TitleIndex],
    validation_share: float = VALIDATION_SHARE,
    alternatives: _AlternativesOf | None = None,
) -> pa.RecordBatch:
    """Gives articles and their links the items that the indexes know.

    An article that page_props calls a disambiguation page becomes one. Links into a Wikipedia without an index are
    `unknown_wiki`. An index is at its best with some 10,000 links in a batch.

    Args:
        parsed: of `schemas.arrow.PARSED_ARTICLES`.
        indexes: by language.
        validation_share: see `corpus.splits.split_of`.
        alternatives: language -> other forms of a title, tried where it is red.

    Returns:
        A batch of `schemas.arrow.ARTICLES`.
    """
    known = alternatives or {}
    own = _own(parsed, indexes, known)
    qids = [one.qid if one.status == "resolved" else None for one in own]  # redirect.sql may call one a redirect
    kinds = zip(own, parsed["kind"].to_pylist(), strict=True)
    keys = zip(parsed["language"].to_pylist(), parsed["page_id"].to_pylist(), qids, strict=True)
    made = {
        "qid": pa.array([None if qid is None else qid_name(qid) for qid in qids], pa.string()),
        "kind": pa.array(["disambiguation" if one.disambiguation else kind for one, kind in kinds], pa.string()),
        "split": pa.array([split_of(*key, validation_share) for key in keys], pa.string()),
        "links": _resolve_links(parsed["links"], indexes, known),
    }
    columns = [made.get(name, parsed[name] if name in parsed.schema.names else None) for name in ARTICLES.names]
    return pa.RecordBatch.from_arrays(columns, schema=ARTICLES)


def resolve_articles(
    articles: Sequence[Article],
    indexes: Mapping[str, TitleIndex],
    validation_share: float = VALIDATION_SHARE,
    alternatives: _AlternativesOf | None = None,
) -> list[LinkedArticle]:
    """`resolve_batch` for records."""
    batch = resolve_batch(PARSED_ARTICLE_ROWS.to_batch(articles), indexes, validation_share, alternatives)
    return ARTICLE_ROWS.to_records(batch)


def _own(parsed: pa.RecordBatch, indexes: Mapping[str, TitleIndex], alternatives: _AlternativesOf) -> list[Found]:
    """What is known of the articles themselves."""
    pages = list(zip(parsed["language"].to_pylist(), parsed["title"].to_pylist(), strict=True))
    return _look_up(pages, indexes, alternatives)


def _resolve_links(
    column: pa.ListArray, indexes: Mapping[str, TitleIndex], alternatives: _AlternativesOf
) -> pa.ListArray:
    """The links with page, item and status; each title is asked for once."""
    links = column.flatten()
    targets = pc.binary_join_element_wise(links.field("language"), links.field("target"), _SEPARATOR)
    titles = targets.dictionary_encode()
    pairs = [tuple(name.split(_SEPARATOR, 1)) for name in titles.dictionary.to_pylist()]
    found = _look_up(pairs, indexes, alternatives)
    answers = {
        "page": pa.array([one.page for one in found], pa.string()),
        "qid": pa.array([None if one.qid is None else qid_name(one.qid) for one in found], pa.string()),
        "status": pa.array([one.status for one in found], pa.string()),
    }
    field = ARTICLES.field("links")
    struct = field.type.value_type
    arrays = [answers[f.name].take(titles.indices) if f.name in answers else links.field(f.name) for f in struct]
    elements = pa.StructArray.from_arrays(arrays, fields=list(struct))
    lengths = column.value_lengths().to_numpy()
    offsets = pa.array([0, *lengths.cumsum().tolist()], pa.int32())
    return pa.ListArray.from_arrays(offsets, elements, type=field.type)


def _look_up(
    pages: Sequence[tuple[str, ...]], indexes: Mapping[str, TitleIndex], alternatives: _AlternativesOf
) -> list[Found]:
    """What is known of (language, title) pairs, in their order."""
    found = [_UNKNOWN_WIKI] * len(pages)
    for language, index in indexes.items():
        places = [i for i, page in enumerate(pages) if page[0] == language]
        answers = index.find([pages[i][1] for i in places], alternatives.get(language))
        for i, answer in zip(places, answers, strict=True):
            found[i] = answer
    return found
