"""The names of an article: the anchors of its links, and in another language all anchors of the items that it links to.

As in LUKE's code (studio-ousia/luke, examples/utils/wiki_entity_linker), an anchor counts if its link probability is at
least 0.01, and an anchor of two items is left out. Where an output has no link probabilities, an anchor counts if it
has two letters and two links to the item.
"""

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from mlukit.corpus.linking.title_index import TitleIndex, TitleIndexError
from mlukit.evaluation.linking.found_names import NameDictionary
from mlukit.linker.linker import THRESHOLD
from mlukit.linker.output_files import LinkerError
from mlukit.schemas import layout

LEAST_LETTERS, LEAST_LINKS = 2, 2  # of an anchor without a link probability
_LINK_COLUMNS = tuple(f"links.list.element.{name}" for name in ("start", "end", "qid"))


class ArticleInLanguage(NamedTuple):
    """An article, and the language of the names that are wanted."""

    title_language: str
    title: str
    language: str


Links = dict[str, set[tuple[str, str]]]  # the title of an article -> the anchors and QIDs of its links


def article_names(output: Path, wanted: Collection[ArticleInLanguage]) -> dict[ArticleInLanguage, NameDictionary]:
    """The dictionaries of the wanted articles that an output has.

    Raises:
        LinkerError: the articles of the output are not in Parquet files, or a file is damaged.
    """
    try:
        return _article_names(output, wanted)
    except (pa.ArrowException, TitleIndexError) as error:
        raise LinkerError(f"the articles of {output} cannot be read, run mlukit verify {output}: {error}") from error


def _article_names(output: Path, wanted: Collection[ArticleInLanguage]) -> dict[ArticleInLanguage, NameDictionary]:
    links: dict[tuple[str, str], set[tuple[str, str]]] = {}
    for language in sorted({one.title_language for one in wanted}):
        titles = {one.title for one in wanted if one.title_language == language}
        links |= {(language, title): found for title, found in read_links(output, language, titles).items()}
    made = {}
    for language in sorted({one.language for one in wanted}):
        known = [one for one in wanted if one.language == language and one[:2] in links]
        anchors = anchors_of_items(output, language, {qid for one in known for _, qid in links[one[:2]]})
        for one in known:
            of_article = links[one[:2]]
            found = [(anchor, qid) for qid in {qid for _, qid in of_article} for anchor in anchors.get(qid, ())]
            if language == one.title_language:
                found = [pair for pair in found if pair in of_article]
            made[one] = NameDictionary.make(language, _unambiguous(found))
    return made


def read_links(output: Path, language: str, titles: Collection[str]) -> Links:
    """The links of the articles with some titles; redirects are followed. An article that is not there is left out."""
    folder = output / layout.folder(layout.ARTICLES, language)
    files = sorted(folder.glob("*.parquet"))
    if not files and any(folder.glob("*.jsonl.gz")):
        raise LinkerError(f"{folder} has no Parquet files: build with --articles-format parquet,jsonl")
    pages = _pages(output, language, sorted(titles))
    found: Links = {}
    for file in files:
        for page, links in _links_of(file, pa.array(sorted(set(pages.values())), pa.string())):
            found[page] = links
    return {title: found[page] for title, page in pages.items() if page in found}


def anchors_of_items(output: Path, language: str, qids: Collection[str]) -> dict[str, list[str]]:
    """The anchors that count, of some items in a language."""
    files = sorted(map(str, (output / layout.folder(layout.MENTIONS, language)).glob("*.parquet")))
    found: dict[str, list[str]] = {}
    if not files or not qids:
        return found
    mentions = ds.dataset(files)
    names = [name for name in ("anchor", "qid", "linked", "link_probability") if name in mentions.schema.names]
    wanted = ds.field("qid").isin(pa.array(sorted(qids), pa.string()))
    for batch in mentions.to_batches(columns=names, filter=wanted, use_threads=False):
        for row in batch.to_pylist():
            if _counts(row["anchor"], row["linked"], row.get("link_probability")):
                found.setdefault(row["qid"], []).append(row["anchor"])
    return found


def _counts(anchor: str, linked: int, probability: float | None) -> bool:
    if probability is not None:
        return probability >= THRESHOLD
    return linked >= LEAST_LINKS and sum(map(str.isalpha, anchor)) >= LEAST_LETTERS


def _pages(output: Path, language: str, titles: list[str]) -> Mapping[str, str]:
    """The page that each title leads to."""
    place = output / layout.title_index(language)
    if not place.is_dir():
        return dict(zip(titles, titles, strict=True))
    found = TitleIndex.open(place).find(titles)
    return {title: one.page or title for title, one in zip(titles, found, strict=True)}


def _links_of(file: Path, titles: pa.Array) -> Iterable[tuple[str, set[tuple[str, str]]]]:
    """The links of the wanted articles of a file; only row groups with such an article are read whole."""
    with pq.ParquetFile(file) as articles:
        for group in range(articles.num_row_groups):
            rows = pc.is_in(articles.read_row_group(group, ["title"], use_threads=False)["title"], value_set=titles)
            if pc.any(rows).as_py():
                table = articles.read_row_group(group, ["title", "text", *_LINK_COLUMNS], use_threads=False)
                for row in table.filter(rows).to_pylist():
                    text = row["text"]
                    links = {(text[one["start"] : one["end"]], one["qid"]) for one in row["links"] if one["qid"]}
                    yield row["title"], links


def _unambiguous(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The anchors that lead to one item."""
    items: dict[str, set[str]] = {}
    for anchor, qid in pairs:
        items.setdefault(anchor, set()).add(qid)
    return {anchor: qid for anchor, (qid, *others) in items.items() if not others}
