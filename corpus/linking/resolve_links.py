"""Looks up the target pages and items of links, for a whole batch of articles at once, by columns."""

from collections.abc import Mapping
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mlukit.corpus.linking.repeated_pages import find_pages
from mlukit.corpus.linking.splits import VALIDATION_SHARE, split_of
from mlukit.corpus.linking.title_index import FOUND, Alternatives, TitleIndex
from mlukit.schemas.arrow import ARTICLES

_UNKNOWN_WIKI = pa.record_batch([[None], [None], ["unknown_wiki"], [False]], FOUND)

_AlternativesOf: TypeAlias = Mapping[str, Alternatives]


def resolve_batch(
    parsed: pa.RecordBatch,
    indexes: Mapping[str, TitleIndex],
    validation_share: float = VALIDATION_SHARE,
    alternatives: _AlternativesOf | None = None,
) -> pa.RecordBatch:
    """Gives articles and their links the items that the indexes know.

    An article gets the kind `disambiguation` if page_props says so. An article whose title leads to another page of the
    dump gets the item of its own page id. Links to a Wikipedia without an index get the status `unknown_wiki`. An index
    is fastest with some 10,000 links in a batch.

    Args:
        parsed: a batch of `schemas.arrow.PARSED_ARTICLES`.
        indexes: the title indexes by language.
        validation_share: see `corpus.linking.splits.split_of`.
        alternatives: language -> other forms of a title, tried if the title is `red`.

    Returns:
        A batch of `schemas.arrow.ARTICLES`.
    """
    known = alternatives or {}
    found = _look_up(parsed["language"], parsed["title"], indexes, known)
    qids = pc.if_else(
        pc.equal(found["status"], "resolved"), found["qid"], None
    )  # redirect.sql may say that an article is a redirect
    homonym, items = _homonyms(parsed, indexes)
    qids = pc.if_else(homonym, items, qids)
    keys = zip(*(column.to_pylist() for column in (parsed["language"], parsed["page_id"], qids)), strict=True)
    made = {
        "qid": _names(qids),
        "kind": pc.if_else(pc.and_not(found["disambiguation"], homonym), "disambiguation", parsed["kind"]),
        "split": pa.array([split_of(code, page, qid, validation_share) for code, page, qid in keys], pa.string()),
        "links": _resolve_links(parsed["links"], indexes, known),
    }
    columns = [made.get(name, parsed[name] if name in parsed.schema.names else None) for name in ARTICLES.names]
    return pa.RecordBatch.from_arrays(columns, schema=ARTICLES)


def _homonyms(parsed: pa.RecordBatch, indexes: Mapping[str, TitleIndex]) -> tuple[pa.BooleanArray, pa.UInt32Array]:
    """Whether the title of each article leads to another page of the dump, and the items of such articles."""
    homonym, qids = np.zeros(len(parsed), bool), np.zeros(len(parsed), np.uint32)
    for language, index in indexes.items():
        rows, places = find_pages(parsed, language, index.homonym_keys)
        homonym[rows], qids[rows] = True, index.homonym_qids[places]
    return pa.array(homonym), pa.array(qids, mask=qids == 0)


def _resolve_links(
    column: pa.ListArray, indexes: Mapping[str, TitleIndex], alternatives: _AlternativesOf
) -> pa.ListArray:
    """The column `links` of ARTICLES: the parsed links with page, item and status."""
    links = column.flatten()
    found = _look_up(links.field("language"), links.field("target"), indexes, alternatives)
    answers = {"page": found["page"], "qid": _names(found["qid"]), "status": found["status"]}
    field = ARTICLES.field("links")
    struct = field.type.value_type
    arrays = [answers[f.name] if f.name in answers else links.field(f.name) for f in struct]
    elements = pa.StructArray.from_arrays(arrays, fields=list(struct))
    lengths = column.value_lengths().to_numpy()
    offsets = pa.array([0, *lengths.cumsum().tolist()], pa.int32())
    return pa.ListArray.from_arrays(offsets, elements, type=field.type)


def _look_up(
    languages: pa.StringArray,
    titles: pa.StringArray,
    indexes: Mapping[str, TitleIndex],
    alternatives: _AlternativesOf,
) -> pa.RecordBatch:
    """Looks up titles, each distinct title once.

    Args:
        languages: the language of each title.
        titles: the titles.
        indexes: the title indexes by language.
        alternatives: language -> other forms of a title.

    Returns:
        Rows of `title_index.FOUND`, in the order of the titles.
    """
    answers = [_UNKNOWN_WIKI]
    places = np.zeros(len(titles), np.int64)
    for language, index in indexes.items():
        rows = np.flatnonzero(pc.equal(languages, language))
        distinct = titles.take(rows).dictionary_encode()
        places[rows] = distinct.indices.to_numpy() + sum(map(len, answers))
        answers.append(index.find_columns(distinct.dictionary.cast(pa.binary()), alternatives.get(language)))
    return pa.concat_batches(answers).take(pa.array(places))


def _names(qids: pa.UInt32Array) -> pa.StringArray:
    """Converts 64 to "Q64"; null stays null."""
    return pc.binary_join_element_wise("Q", qids.cast(pa.string()), "")
