"""Compares extracted links with the links in the wikitext and, if available, with MediaWiki's table pagelinks."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mlukit.corpus.audit.bracket_scan import PLACES, Place
from mlukit.corpus.audit.hash_sample import HashSample
from mlukit.corpus.audit.page_links import UNKNOWN

SEEN_PAGES = pa.schema(
    [
        pa.field("page_id", pa.int64(), nullable=False),
        pa.field("title", pa.string(), nullable=False),
        pa.field("article", pa.bool_(), nullable=False),  # False: a redirect
        pa.field(
            "targets", pa.list_(pa.string()), nullable=False
        ),  # titles in the article's own wiki that extracted links lead to
        pa.field(
            "pages", pa.list_(pa.string()), nullable=False
        ),  # the page that each target leads to; "" where no page is known
        pa.field("abroad", pa.int32(), nullable=False),  # number of extracted links that lead to other Wikipedias
        pa.field("written", pa.list_(pa.string())),  # titles linked to in the wikitext; null where no dump was read
        pa.field("places", pa.list_(pa.int8())),  # the place of each written title: its index in PLACES
    ]
)

# The names of links that only one side has. Links in WRONG lower precision, links in MISSED lower recall.
WRONG = {
    "unknown": "extracted and written in the text, but not in pagelinks: the table may have another date",
    "other spelling": "pagelinks has the title with another letter case, other spaces or other signs",
    "other namespace": "pagelinks has the page in a namespace whose name the extractor took for a part of the title",
    "argument": "extracted from a template's argument, but not in pagelinks: the template does not show the link",
    "not written": "extracted, but neither written as a link nor in pagelinks: made from a template's arguments",
}
MISSED = {
    "missed": "written in running text (and in pagelinks, if available), but not extracted",
    "missed spelling": "as `missed`, but extracted with another spelling",
}
SET_ASIDE = {
    "self link": "leads to its own page, also in another script or through a redirect; MediaWiki does not record such "
    "links",
    "variant": "pagelinks has the page that the link resolves to: another variant of the title, or a redirect",
    "out of a template": "in pagelinks, but not written as a link on the page: a template makes the link",
    "made of a template": "extracted, but not written as a link: made from a template's arguments by our tables",
    "in a template": "written in a template's argument, not extracted",
    "in a table": "written in a table",
    "in a note": "written in a note",
    "in a picture": "written in a caption or a gallery",
    "not extracted": "in pagelinks, but not extracted; without the dump, the place of the link is unknown",
    "other namespaces": "leads to a page that is not an article",
    "of redirects": "a redirect's own link",
    "of other pages": "on a page that is not among the articles: the page is in another namespace, or failed",
    "other Wikipedias": "extracted, leads to another Wikipedia, which pagelinks does not record",
    "page without rows": "extracted from a page without rows in pagelinks: the page was saved or deleted later",
    "links by number": "rows whose targets have no title, because linktarget is missing",
}
_REASON_BY_PLACE: dict[Place, str] = {
    "template": "in a template",
    "table": "in a table",
    "note": "in a note",
    "picture": "in a picture",
}
RECORDED = "pages compared with pagelinks"
TOO_MANY = "more than recorded"  # pages for which more targets were extracted than pagelinks has rows

TableLinks: TypeAlias = list[tuple[int, str | None]]  # (namespace, title without its name)


@dataclass(frozen=True, slots=True)
class SeenPage:
    """A page's extracted links and, if the dump was read, the links in its wikitext."""

    page_id: int
    title: str
    article: bool
    targets: Mapping[str, str]  # extracted title -> the page that it leads to, or ""
    abroad: int
    written: Mapping[str, Place] | None

    def to_row(self) -> dict[str, Any]:
        """A row of SEEN_PAGES."""
        return {
            "page_id": self.page_id,
            "title": self.title,
            "article": self.article,
            "targets": list(self.targets),
            "pages": list(self.targets.values()),
            "abroad": self.abroad,
            "written": None if self.written is None else list(self.written),
            "places": None if self.written is None else [PLACES.index(place) for place in self.written.values()],
        }

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> "SeenPage":
        """The inverse of `to_row`."""
        written: dict[str, Place] | None = None
        if row["written"] is not None:
            written = {t: PLACES[place] for t, place in zip(row["written"], row["places"], strict=True)}
        targets = dict(zip(row["targets"], row["pages"], strict=True))
        return cls(row["page_id"], row["title"], row["article"], targets, row["abroad"], written)


@dataclass
class LinkTally:
    """The results for the links of one language; tallies of parts can be added in any order."""

    counts: Counter[str] = field(default_factory=Counter)
    examples: dict[str, HashSample] = field(default_factory=dict)

    @property
    def precision(self) -> float | None:
        """The share of extracted targets that pagelinks has; None without this table."""
        return (
            None
            if not self.counts[RECORDED]
            else _share(self.counts["right"], sum(self.counts[name] for name in WRONG))
        )

    @property
    def recall(self) -> float | None:
        """The share of targets written in running text that were extracted."""
        return _share(self.counts["right in text"], sum(self.counts[name] for name in MISSED))

    def note(self, name: str, page: SeenPage, target: str, other: str = "") -> None:
        """Counts a link, and offers it as an example."""
        self.counts[name] += 1
        item = {"page_id": page.page_id, "title": page.title, "target": target, "other": other}
        self.examples.setdefault(name, HashSample()).add(f"{page.page_id}:{target}", item)

    def add(self, other: "LinkTally") -> None:
        """Adds the tally of another part."""
        self.counts.update(other.counts)
        for name, sample in other.examples.items():
            self.examples.setdefault(name, HashSample()).add_json(sample.to_json())

    def to_json(self) -> dict[str, Any]:
        """As written to disk."""
        return {
            "counts": dict(self.counts),
            "examples": {name: sample.to_json() for name, sample in self.examples.items()},
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "LinkTally":
        """The inverse of `to_json`."""
        tally = cls(Counter(value["counts"]))
        for name, rows in value["examples"].items():
            tally.examples.setdefault(name, HashSample()).add_json(rows)
        return tally


def _share(right: int, wrong: int) -> float | None:
    """The share of `right` in both numbers; None if both are 0."""
    return right / (right + wrong) if right + wrong else None


class TablePart:
    """A part of pagelinks, sorted by page, in which a page's rows are looked up."""

    def __init__(self, rows: pa.Table) -> None:
        self._rows = rows
        self._page_ids: npt.NDArray[np.int64] = rows["page_id"].to_numpy()
        self.rows_found = 0  # by all look-ups

    def links_of(self, page_id: int) -> TableLinks:
        """The page's links; empty for a page without links, and for a page that the table does not know."""
        start, end = np.searchsorted(self._page_ids, [page_id, page_id + 1]).tolist()
        self.rows_found += end - start
        rows = self._rows.slice(start, end - start)
        return list(zip(rows["namespace"].to_pylist(), rows["title"].to_pylist(), strict=True))

    @property
    def left(self) -> int:
        """The number of rows of pages that were not looked up."""
        return int(self._rows.num_rows) - self.rows_found


def compare_pages(pages: Iterable[SeenPage], table: TablePart | None, tally: LinkTally) -> None:
    """Counts the links that are on both sides or only on one side; `table` is None without pagelinks."""
    articles, redirects = set[int](), set[int]()  # a dump may have a page several times
    for page in pages:
        if not page.article:
            redirects.add(page.page_id)
            continue
        articles.add(page.page_id)
        if table is None:
            _compare_written(page, tally)
            continue
        links = table.links_of(page.page_id)
        if any(namespace == UNKNOWN for namespace, _ in links):
            _compare_numbers(page, len(links), tally)
        else:
            _compare_recorded(page, links, tally)
    if table is not None:
        tally.counts["of redirects"] += sum(len(table.links_of(page_id)) for page_id in redirects - articles)
        tally.counts["of other pages"] += table.left


def _compare_written(page: SeenPage, tally: LinkTally) -> None:
    """Compares with the wikitext alone. The wikitext does not show whether a link made by a template is right."""
    tally.counts["pages"] += 1
    tally.counts["other Wikipedias"] += page.abroad
    written = page.written or {}
    for target in page.targets:
        if target in written:
            tally.counts["right"] += 1
            tally.counts["right in text"] += written[target] == "text"
        elif target == page.title:
            tally.note("self link", page, target)
        else:
            tally.note("made of a template", page, target)
    folded = _by_fold(page.targets)
    for target, place in written.items():
        if target not in page.targets and target != page.title:
            _note_missed(page, target, place, folded, tally)


def _compare_numbers(page: SeenPage, rows: int, tally: LinkTally) -> None:
    """Compares only the numbers of links, because linktarget, which has the titles, is missing."""
    tally.counts["pages"] += 1
    tally.counts["links by number"] += rows
    tally.counts["extracted by number"] += len(page.targets)
    if len(page.targets) > rows:
        tally.note(TOO_MANY, page, f"{len(page.targets)} extracted", f"{rows} recorded")


def _compare_recorded(page: SeenPage, links: TableLinks, tally: LinkTally) -> None:
    """Compares with the rows of pagelinks, and with the wikitext if the dump was read."""
    tally.counts["pages"] += 1
    tally.counts[RECORDED] += 1
    tally.counts["other Wikipedias"] += page.abroad
    recorded = {title for namespace, title in links if namespace == 0 and title}
    elsewhere = {title for namespace, title in links if namespace and title}
    tally.counts["other namespaces"] += len(elsewhere)
    if page.targets and not links:
        tally.note("page without rows", page, f"{len(page.targets)} targets")
        return
    folded, used = _by_fold(recorded), set[str]()
    for target, leads_to in page.targets.items():
        if target in recorded:
            tally.counts["right"] += 1
            tally.counts["right in text"] += 1
            used.add(target)
            continue
        name, other = _why_wrong(page, target, leads_to, recorded, elsewhere, folded)
        tally.note(name, page, target, other)
        used.add(other)
    extracted = _by_fold(page.targets)
    for target in sorted(recorded - used):
        if page.written is None:
            tally.note("not extracted", page, target)
        elif target not in page.written:
            tally.note("out of a template", page, target)
        else:
            _note_missed(page, target, page.written[target], extracted, tally)


def _why_wrong(
    page: SeenPage,
    target: str,
    leads_to: str,
    recorded: set[str],
    elsewhere: set[str],
    folded: Mapping[str, str],
) -> tuple[str, str]:
    """Why pagelinks does not have a target: the class of the link, and the title that pagelinks has instead or ""."""
    if page.title in (target, leads_to):
        return "self link", ""
    if leads_to and leads_to in recorded:
        return "variant", leads_to
    if page.written is not None and page.written.get(target, "template") == "template":
        return ("argument" if target in page.written else "not written"), ""
    if _fold(target) in folded:
        return "other spelling", folded[_fold(target)]
    rest = target.partition(":")[2].strip()
    if rest and rest in elsewhere:
        return "other namespace", rest
    return "unknown", ""


def _note_missed(page: SeenPage, target: str, place: Place, extracted: Mapping[str, str], tally: LinkTally) -> None:
    """Counts a link in the wikitext that was not extracted; `extracted` are the extracted titles by `_fold`."""
    if place != "text":
        tally.note(_REASON_BY_PLACE[place], page, target)
    elif _fold(target) in extracted:
        tally.note("missed spelling", page, target, extracted[_fold(target)])
    else:
        tally.note("missed", page, target)


def _fold(title: str) -> str:
    """The letters and digits of a title in small letters: equal for titles that a reader takes for the same."""
    return "".join(character for character in title.casefold() if character.isalnum())


def _by_fold(titles: Iterable[str]) -> dict[str, str]:
    """Titles by their `_fold`; titles without letters and digits are left out."""
    return {fold: title for title in titles if (fold := _fold(title))}
