"""The mention dictionary of a language: the items that an anchor, the text of a link, leads to."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import pyarrow as pa
import pyarrow.dataset as ds

from mlukit.corpus.entities.count_links import part_of_anchors
from mlukit.library.output_folder import files_of
from mlukit.schemas import layout
from mlukit.schemas.records import qid_number


@dataclass(frozen=True, slots=True)
class MentionedItem:
    """An item to which links with an anchor lead."""

    qid: int
    linked: int  # links with the anchor to this item, on pages of the train split
    prior: float  # the share of the anchor's links that lead to this item
    link_probability: float | None = None  # of the anchor; None if `mlukit mentions` has not counted it


class Mentions:
    """The mention dictionary of a language; each look-up reads a part of one file, and nothing is kept in memory."""

    def __init__(self, files: list[Path]) -> None:
        self._files = files

    @classmethod
    def open(cls, output: str | Path, language: str) -> Self:
        """Opens the mention dictionary of a language.

        Args:
            output: OUT, an output folder on this machine, whose vocabulary stage is finished.
            language: the code of the Wikipedia.

        Raises:
            OutputError: OUT has no mention dictionary of the language.
        """
        return cls(files_of(output, layout.MENTIONS, language))

    def find(self, anchor: str) -> tuple[MentionedItem, ...]:
        """The items of an anchor, the most linked item first; an empty tuple if no link has this anchor.

        Args:
            anchor: the text of a link, as it stands in the text: "Berlin" and "berlin" are two anchors.
        """
        if not self._files:
            return ()
        (part,) = part_of_anchors(pa.chunked_array([[anchor]], pa.string()), len(self._files))
        wanted = ds.field("anchor") == anchor
        names = ["qid", "linked", "prior", "link_probability"]
        rows = ds.dataset(self._files[part]).to_table(names, filter=wanted, use_threads=False)
        return tuple(MentionedItem(**{**row, "qid": qid_number(row["qid"])}) for row in rows.to_pylist())
