"""An output folder that is written by hand: an article with links, and mention dictionaries of three languages."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from mlukit.schemas import layout
from mlukit.schemas.arrow import ARTICLES, MENTIONS

BERLIN = "Berlin lies on the Spree. The Berlin Wall fell; Mercury saw it. Mercury is far. So is Rome."
LINKS = [  # of BERLIN: the anchor, the place after which it is searched for, and the item
    ("Berlin", 0, "Q64"),
    ("Spree", 0, "Q1585"),
    ("Berlin Wall", 0, "Q5086"),
    ("Mercury", 0, "Q308"),  # the planet
    ("Mercury", 60, "Q925"),  # the element: the anchor is ambiguous
    ("Rome", 0, None),
    ("far", 0, "Q9"),  # an anchor that counts for nothing
]
ANCHORS = {  # by language: the anchor, its item, links to the item, and its link probability
    "en": [
        ("Berlin", "Q64", 9, 0.5),
        ("Spree", "Q1585", 3, 0.8),
        ("Berlin Wall", "Q5086", 4, 0.7),
        ("Mercury", "Q308", 5, 0.4),
        ("Mercury", "Q925", 5, 0.4),
        ("far", "Q9", 2, 0.001),
        ("the Wall", "Q5086", 2, 0.2),
    ],
    "de": [
        ("Berlin", "Q64", 9, 0.5),
        ("Spree", "Q1585", 3, 0.8),
        ("Berliner Mauer", "Q5086", 4, 0.7),
        ("Merkur", "Q308", 5, 0.4),
        ("Merkur", "Q925", 1, 0.4),
        ("Quecksilber", "Q925", 7, 0.4),
        ("Rom", "Q220", 7, 0.4),  # an item without a link in the article
        ("weit", "Q9", 2, 0.009),
    ],
    "zh": [("柏林", "Q64", 9, 0.5), ("柏林墙", "Q5086", 4, 0.7), ("林", "Q9", 1, 0.6), ("1871", "Q308", 4, 0.5)],
}


def write_output(folder: Path, *, with_probabilities: bool = True) -> Path:
    """Writes the folder: the article "Berlin" in English, and the dictionaries."""
    _write_articles(folder, [("Berlin", BERLIN, LINKS), ("Paris", "Paris is a city.", [])])
    for language, anchors in ANCHORS.items():
        place = folder / layout.folder(layout.MENTIONS, language)
        place.mkdir(parents=True)
        (place / "_manifest.json").write_text("{}")
        probability = {} if with_probabilities else {"link_probability": None}
        rows = [
            {"anchor": anchor, "qid": qid, "linked": linked, "prior": 1.0, "link_probability": share, **probability}
            for anchor, qid, linked, share in anchors
        ]
        pq.write_table(pa.Table.from_pylist(rows, schema=MENTIONS), folder / layout.mentions_shard(language, 0))
    return folder


def _write_articles(folder: Path, articles: Sequence[tuple[str, str, Sequence[tuple[str, int, str | None]]]]) -> None:
    place = folder / layout.folder(layout.ARTICLES, "en")
    place.mkdir(parents=True)
    rows = [
        {
            **{"language": "en", "page_id": number, "revision_id": 1, "title": title, "qid": None, "kind": "article"},
            **{"split": "train", "text": text, "paragraphs": [], "sections": []},
            "links": [_link(text, *link) for link in links],
        }
        for number, (title, text, links) in enumerate(articles)
    ]
    table = pa.Table.from_pylist(rows, schema=ARTICLES)
    pq.write_table(table, folder / layout.split_shard(layout.ARTICLES, "en", "train", 0, "parquet"), row_group_size=1)


def _link(text: str, anchor: str, after: int, qid: str | None) -> Mapping[str, object]:
    start = text.index(anchor, after)
    end = start + len(anchor)
    return {"start": start, "end": end, "language": "en", "target": anchor, "page": None, "qid": qid, "status": "red"}
