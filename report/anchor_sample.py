"""The most linked anchors in a sample of the mention dictionaries."""

from typing import Any

import numpy as np
import pyarrow.compute as pc

from mlukit.report.row_sample import FolderSample

ANCHORS = 2  # shown of each language
COLUMNS = ("pages", "linked_pages", "occurrences", "link_probability")  # of dictionaries that also count pages


def sample_anchors(sample: FolderSample, language: str) -> dict[str, Any]:
    """The share of anchors with several items, and the most linked anchors.

    Args:
        sample: the sample of a language's dictionary, in which an anchor's rows follow each other.
        language: the language.
    """
    anchors = several = 0
    kept: list[dict[str, Any]] = []
    for table in sample:
        names = table["anchor"].combine_chunks()
        _, items = np.unique(pc.rank(names, tiebreaker="dense").to_numpy(), return_counts=True)
        anchors, several = anchors + len(items), several + int((items > 1).sum())
        best = pc.select_k_unstable(table, ANCHORS, [("linked", "descending"), ("anchor", "ascending")])
        kept += table.take(best).to_pylist()
    kept.sort(key=lambda row: (-row["linked"], row["anchor"], row["qid"]))
    shown = [
        {
            "language": language,
            **{name: row[name] for name in ("anchor", "qid", "linked", "prior", *COLUMNS) if row.get(name) is not None},
        }
        for row in kept[:ANCHORS]
    ]
    return {
        "pairs_read": sample.read,
        "anchors_read": anchors,
        "anchors_with_several_items": several,
        "most_linked": shown,
    }
