"""An output folder that is written by hand: a dictionary of German anchors, and related entities."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from mlukit.corpus.detection.array_file import ArrayFileWriter
from mlukit.corpus.relatedness.count_neighbours import PAIRS, write_related
from mlukit.corpus.relatedness.related_entities import key_of
from mlukit.schemas import layout
from tests.written_mention_table import Anchor, write_dictionary

SPREE, BERLIN, CITY_IN_USA, PARIS, GERMANY, UNRELATED = 1585, 64, 821244, 90, 183, 7
ANCHORS = [
    Anchor("Berlin", 0.5, {CITY_IN_USA: 6, BERLIN: 4}),
    Anchor("Spree", 0.8, {SPREE: 3}),
    Anchor("Paris", 0.3, {PARIS: 9}),
    Anchor("die", 0.005, {UNRELATED: 1}),
    Anchor("New York", 0.4, {UNRELATED: 2}),
    Anchor("New", 0.02, {UNRELATED: 1}),
    Anchor("Käse <b>", 0.5, {UNRELATED: 1}),
]
TITLES = {SPREE: "Spree", BERLIN: "Berlin", CITY_IN_USA: "Berlin (New Hampshire)", PARIS: "Paris"}


def write_output(folder: Path, anchors: list[Anchor] | None = None) -> Path:
    """Writes the folder; the dictionary is of German."""
    language = folder / layout.MENTIONS / "de"
    language.mkdir(parents=True)
    (language / "_manifest.json").write_text("{}")
    labels = {CITY_IN_USA: "Berlin"}
    write_dictionary(folder / layout.mention_dictionary("de"), "de", anchors or ANCHORS, TITLES, labels)
    write_relatedness(
        folder, {(BERLIN, SPREE): 40, (BERLIN, GERMANY): 20, (CITY_IN_USA, PARIS): 5, (PARIS, GERMANY): 9}
    )
    return folder


def write_relatedness(folder: Path, pairs: Mapping[tuple[int, int], int]) -> None:
    """Writes the related entities of pairs, each of which is counted in both directions."""
    rows = [*((*pair, n) for pair, n in pairs.items()), *((b, a, n) for (a, b), n in pairs.items())]
    rows.sort(key=lambda row: (int(key_of(np.array(row[:1]))[0]), row[1]))
    columns = [pa.array(column, field.type) for column, field in zip(zip(*rows, strict=True), PAIRS, strict=True)]
    table = pa.table(columns, schema=PAIRS)
    merged = folder / "merged.parquet"
    pq.write_table(table, merged)
    (folder / layout.RELATED).mkdir(parents=True)
    with (folder / layout.RELATED_ENTITIES).open("wb") as stream:
        write_related(ArrayFileWriter(stream), lambda: [merged.open("rb")])
    merged.unlink()
