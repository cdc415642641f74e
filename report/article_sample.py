"""What a sample of articles says about a language, and random articles to show."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from mlukit.report.row_sample import FolderSample, RandomRows
from mlukit.report.shown_text import Mark, Paragraph, cut_paragraphs


@dataclass(slots=True)
class ArticleNumbers:
    """The numbers of the articles that were read."""

    rows: int = 0  # articles of the language
    read: int = 0
    characters: int = 0
    linked_characters: int = 0  # inside links with an item
    sources: Counter[str] = field(default_factory=Counter)  # links by the column `source`, if the articles have it

    def to_json(self) -> dict[str, Any]:
        """The numbers in report.json."""
        share = self.linked_characters / self.characters if self.characters else 0.0
        numbers = {"articles": self.rows, "articles_read": self.read, "text_share_in_mentions": round(share, 6)}
        return numbers | ({"links_by_source": dict(sorted(self.sources.items()))} if self.sources else {})


def sample_articles(sample: FolderSample, chosen: RandomRows) -> ArticleNumbers:
    """Counts the articles of a sample, and offers them to be shown."""
    numbers = ArticleNumbers(rows=sample.rows)
    for table in sample:
        _count(table, numbers)
        chosen.offer(table)
    numbers.read = sample.read
    return numbers


def _count(table: pa.Table, numbers: ArticleNumbers) -> None:
    numbers.characters += pc.sum(pc.utf8_length(table["text"])).as_py() or 0
    links = pc.list_flatten(table["links"])
    lengths = pc.subtract(pc.struct_field(links, "end"), pc.struct_field(links, "start"))
    with_item = pc.is_valid(pc.struct_field(links, "qid"))
    numbers.linked_characters += pc.sum(lengths.filter(with_item)).as_py() or 0
    if table.schema.field("links").type.value_type.get_field_index("source") >= 0:
        for pair in pc.value_counts(pc.struct_field(links, "source")).to_pylist():
            numbers.sources[pair["values"]] += pair["counts"]


def article_paragraphs(row: Mapping[str, Any], labels: Mapping[str, Mapping[str, str]]) -> tuple[list[Paragraph], bool]:
    """The first paragraphs of an article with its links, and whether the article has more.

    Args:
        row: the article.
        labels: the labels of items, by language.
    """
    marks = [
        Mark(
            link["start"],
            link["end"],
            link["qid"] or "",
            _label(labels.get(link["qid"] or "", {}), row["language"], link["page"] or link["target"]),
            link["target"] if link["language"] == row["language"] else f"{link['language']}:{link['target']}",
            link["status"],
        )
        for link in row["links"]
    ]
    levels = {section["start"]: section["level"] for section in row["sections"]}
    return cut_paragraphs(row["text"], row["paragraphs"], levels, marks)


def _label(labels: Mapping[str, str], language: str, title: str) -> str:
    return labels.get(language) or labels.get("en") or title
