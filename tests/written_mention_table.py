"""Files of mention dictionaries, from a list of anchors."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

from mlukit.corpus.detection import match_table
from mlukit.corpus.detection.anchor_entries import anchor_entries
from mlukit.corpus.detection.array_file import ArrayFile, ArrayFileWriter
from mlukit.corpus.detection.match_table import heap_piece
from mlukit.corpus.detection.mention_table import MentionSource, write_mention_table
from mlukit.corpus.detection.word_borders import WordBorders


class Anchor(NamedTuple):
    """An anchor, its link probability, and the links to each item: QID -> number."""

    anchor: str
    link_probability: float
    linked: Mapping[int, int]


def write_match_table(path: Path, language: str, anchors: list[str]) -> None:
    """Writes the match table of distinct anchors; row i is anchor i."""
    entries, _ = anchor_entries(anchors, 0, WordBorders(language))
    with path.open("wb") as stream:
        writer = ArrayFileWriter(stream)
        facts = match_table.write_match_table(writer, lambda: [entries], len(entries[0]), lambda: [heap_piece(anchors)])
        writer.finish(match_table.KIND, match_table.VERSION, facts)


def write_dictionary(
    path: Path,
    language: str,
    anchors: list[Anchor],
    titles: Mapping[int, str] | None = None,
    labels: Mapping[int, str] | None = None,
) -> Path:
    """Writes the dictionary of distinct anchors; row i is anchor i. The folder of the file must exist."""
    table = path.with_name(f"{path.name}.match-table")
    write_match_table(table, language, [one.anchor for one in anchors])
    file = ArrayFile.open(table, match_table.KIND, match_table.VERSION, match_table.ARRAYS)
    rows = [
        (one.anchor, f"Q{qid}", linked, linked / sum(one.linked.values()), one.link_probability)
        for one in anchors
        for qid, linked in sorted(one.linked.items(), key=lambda item: (-item[1], item[0]))
    ]
    names = ["anchor", "qid", "linked", "prior", "link_probability"]
    kinds = [pa.string(), pa.string(), pa.int64(), pa.float64(), pa.float64()]
    columns = [pa.array([row[i] for row in rows], kind) for i, kind in enumerate(kinds)]
    mentions = pa.table(columns, names=names)
    source = MentionSource(
        language,
        file,
        lambda columns: [mentions.select(columns)],
        lambda qids: [(titles or {}).get(qid) for qid in qids],
        lambda qids: [(labels or {}).get(qid) for qid in qids],
    )
    with path.open("wb") as stream:
        write_mention_table(ArrayFileWriter(stream), source)
    table.unlink()
    return path
