"""The title index of one wiki, on disk: the page that a title leads to, and the item of that page.

The index is a folder of plain arrays that are mapped into memory: a worker opens it without reading it, and all workers
of a machine share the parts that were read. `build_title_index` writes it. Row i is a title; rows are in the order of
(hash, title):

    hashes   uint64  BLAKE2b of the title's UTF-8, 8 bytes, little endian
    qids     uint32  the page's own item, or 0; a redirect without an item has the item of the next redirect with one
    targets  uint32  the row at the end of the redirects; the row itself for articles and redirects without an end
    flags    uint8   IN_DUMP, …
    offsets  int32   n + 1 values: the title's UTF-8 is heap[offsets[i] : offsets[i + 1]]; int64 in heaps over 2 GiB
    heap     bytes
    item_qids, item_rows  uint32  items in ascending order, and the row of each item's title
    repeated_keys       uint64  pages that the dump has several times, in the order of `repeated_pages.page_keys`
    repeated_revisions, repeated_places  int64  the kept copy of each of these pages, see `repeated_pages`
    homonym_keys        uint64  articles whose title leads to another page of the dump, in the same order
    homonym_qids        uint32  the item of each of these articles, from its page id, or 0

The folder also has `header.json`, which is written last; `interlanguage.parquet`, which `interlanguage_items` reads;
and layers: indexes of titles that got an item later, `carried` from other languages or `asked` of Wikidata.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple, Self, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mlukit.corpus.dumps.item_sources import LAYERS
from mlukit.schemas.records import LinkStatus
from mlukit.schemas.wording import other_version

VERSION = 2
MAX_QID = (1 << 32) - 1
HEADER = "header.json"
INTERLANGUAGE = "interlanguage.parquet"

# flags
IN_DUMP = 1  # other titles are known only from a source of items
REDIRECT = 2
DISAMBIGUATION = 4
LOOP = 8  # its redirects form a loop
BROKEN = 16  # its redirects lead to a page that does not exist
INHERITED = 32  # the item belongs to a redirect further on

DTYPES = {
    "hashes": ("<u8",),
    "qids": ("<u4",),
    "targets": ("<u4",),
    "flags": ("|u1",),
    "offsets": ("<i4", "<i8"),
    "heap": ("|u1",),
    "item_qids": ("<u4",),
    "item_rows": ("<u4",),
    "repeated_keys": ("<u8",),
    "repeated_revisions": ("<i8",),
    "repeated_places": ("<i8",),
    "homonym_keys": ("<u8",),
    "homonym_qids": ("<u4",),
}
_STATUSES: tuple[LinkStatus, ...] = (
    *("resolved", "redirected", "no_item", "redirect_loop", "redirect_broken", "red"),
)  # by code
_RESOLVED, _REDIRECTED, _NO_ITEM, _LOOP, _BROKEN, _RED = range(len(_STATUSES))

FOUND = pa.schema(
    [
        pa.field("page", pa.string()),
        pa.field("qid", pa.uint32()),
        pa.field("status", pa.string()),
        pa.field("disambiguation", pa.bool_()),
    ]
)

HashTitles: TypeAlias = Callable[[Sequence[bytes]], npt.NDArray[np.uint64]]
Alternatives: TypeAlias = Callable[[str], Iterable[str]]


class TitleIndexError(ValueError):
    """A folder is not a title index, or its index is incomplete, damaged or written by another version."""


class Found(NamedTuple):
    """The answer for a title: a row of FOUND."""

    page: str | None  # the title at the end of the redirects; None if there is no such page
    qid: int | None
    status: LinkStatus
    disambiguation: bool  # whether `page` is a disambiguation page


def hash_titles(titles: Sequence[bytes]) -> npt.NDArray[np.uint64]:
    """64 bits of BLAKE2b of each title."""
    blake2b = hashlib.blake2b
    return np.frombuffer(b"".join([blake2b(title, digest_size=8).digest() for title in titles]), "<u8")


@dataclass(frozen=True, slots=True, eq=False)
class TitleIndex:
    """An open index; it is unmapped when the last reference to it is deleted."""

    counts: dict[str, int]  # by the names in corpus.linking.build_title_index.COUNTS
    hashes: npt.NDArray[np.uint64]
    qids: npt.NDArray[np.uint32]
    targets: npt.NDArray[np.uint32]
    flags: npt.NDArray[np.uint8]
    titles: pa.Array  # binary
    item_qids: npt.NDArray[np.uint32]
    item_rows: npt.NDArray[np.uint32]
    repeated_keys: npt.NDArray[np.uint64]
    repeated_revisions: npt.NDArray[np.int64]
    repeated_places: npt.NDArray[np.int64]
    homonym_keys: npt.NDArray[np.uint64]
    homonym_qids: npt.NDArray[np.uint32]
    layers: "tuple[TitleIndex, ...]"
    hash_titles: HashTitles

    @classmethod
    def open(cls, directory: Path, *, with_layers: bool = True, hash_titles: HashTitles = hash_titles) -> Self:
        """Maps an index.

        Args:
            directory: the folder of the index.
            with_layers: whether to open the layers, too.
            hash_titles: the hash function that the index was built with.

        Raises:
            TitleIndexError: the header is missing or damaged, or does not fit the files.
        """
        counts, files = _read_header(directory)
        maps = {name: _map_file(directory / name, *files[name]) for name in DTYPES}
        offsets, heap = maps.pop("offsets"), maps.pop("heap")
        if len(offsets) != len(maps["hashes"]) + 1 or offsets[0] != 0 or offsets[-1] != len(heap):
            raise TitleIndexError(f"{directory} is damaged: {len(offsets)} offsets for {len(maps['hashes'])} titles")
        binary = pa.binary() if offsets.itemsize == 4 else pa.large_binary()
        buffers = [None, pa.py_buffer(offsets), pa.py_buffer(heap)]
        titles = pa.Array.from_buffers(binary, len(offsets) - 1, buffers)
        found = [directory / name for name in LAYERS if with_layers and (directory / name).is_dir()]
        layers = tuple(cls.open(layer, with_layers=False, hash_titles=hash_titles) for layer in found)
        return cls(counts=counts, titles=titles, layers=layers, hash_titles=hash_titles, **maps)

    def __len__(self) -> int:
        """The number of titles, without the titles of layers."""
        return len(self.hashes)

    def find(self, titles: Sequence[str], alternatives: Alternatives | None = None) -> list[Found]:
        """Looks up titles, in order; fast for many titles at a time (`docs/title-index.md`).

        A redirect's own item is preferred to the items of later redirects in its chain.

        Args:
            titles: normalised titles.
            alternatives: returns other forms of a title, such as variants of zh, which are tried in turn if the title
                is `red`.
        """
        found = self.find_columns(pa.array([_encoded(title) for title in titles], pa.binary()), alternatives)
        return list(map(Found._make, zip(*(column.to_pylist() for column in found.columns), strict=True)))

    def find_columns(self, titles: pa.BinaryArray, alternatives: Alternatives | None = None) -> pa.RecordBatch:
        """`find` by columns, which is several times faster: titles in UTF-8 -> rows of FOUND."""
        found = self._find_all(titles)
        if alternatives is None:
            return found
        red = np.flatnonzero(pc.equal(found["status"], "red"))
        forms = [[_encoded(form) for form in alternatives(_decoded(title))] for title in titles.take(red).to_pylist()]
        others = self._find_all(pa.array(chain.from_iterable(forms), pa.binary()))
        known = pc.not_equal(others["status"], "red").to_pylist()
        places, first = np.arange(len(titles)), 0
        for i, one in zip(red.tolist(), forms, strict=True):
            places[i] = next((len(titles) + k for k in range(first, first + len(one)) if known[k]), i)
            first += len(one)
        return _chosen([found, others], places)

    def _find_all(self, titles: pa.BinaryArray) -> pa.RecordBatch:
        """`find_columns` without alternatives: searches the index, then its layers."""
        found = self._find_here(titles)
        for layer in self.layers:
            has_no_end = pc.is_in(found["status"], pa.array(["redirect_loop", "redirect_broken"]))
            lacking = np.flatnonzero(pc.and_not(pc.is_null(found["qid"]), has_no_end))
            lacking_titles = titles.take(lacking)
            names = pc.coalesce(found["page"].take(lacking).cast(pa.binary()), lacking_titles)
            late = layer._find_here(names)
            status = pc.if_else(pc.equal(names, lacking_titles), "resolved", "redirected")
            columns = [late["page"], late["qid"], status, found["disambiguation"].take(lacking)]
            has_item = late["qid"].is_valid().to_numpy(zero_copy_only=False)
            places = np.arange(len(titles))
            places[lacking[has_item]] = len(titles) + np.flatnonzero(has_item)
            found = _chosen([found, pa.record_batch(columns, FOUND)], places)
        return found

    def _find_here(self, titles: pa.BinaryArray) -> pa.RecordBatch:
        """`find_columns` in the index only, without alternatives and layers."""
        if not len(self):
            nothing = [pa.nulls(len(titles), pa.string()), pa.nulls(len(titles), pa.uint32())]
            unknown = [pa.array(["red"] * len(titles), pa.string()), pa.array(np.zeros(len(titles), bool))]
            return pa.record_batch([*nothing, *unknown], FOUND)
        rows = self.rows_of(titles)
        known = rows >= 0
        rows[~known] = 0
        flags, ends, qids = self.flags[rows], self.targets[rows], self.qids[rows]
        qids = np.where(qids == 0, self.qids[ends], qids)
        qids[~known] = 0
        disambiguation = known & (self.flags[ends] & DISAMBIGUATION != 0)
        statuses = pa.array(_STATUSES).take(_status_codes(known, flags, qids != 0))
        columns = [self._pages(titles, known, flags, ends), pa.array(qids, mask=qids == 0), statuses, disambiguation]
        return pa.record_batch(columns, FOUND)

    def _pages(
        self,
        titles: pa.BinaryArray,
        known: npt.NDArray[np.bool],
        flags: npt.NDArray[np.uint8],
        ends: npt.NDArray[np.uint32],
    ) -> pa.StringArray:
        """The titles at the ends of redirects; null for a title without a page at the end."""
        with_end = known & (flags & (LOOP | BROKEN) == 0)
        redirect = with_end & (flags & REDIRECT != 0)
        pages = pc.if_else(with_end, titles, None)
        return pc.replace_with_mask(pages, redirect, self._titles_at(ends[redirect])).cast(pa.string())

    def rows_of(self, titles: pa.BinaryArray) -> npt.NDArray[np.int64]:
        """The row of each title, or -1. Both hashes and titles are compared."""
        wanted = self.hash_titles(titles.to_pylist())
        rows = np.full(len(titles), -1)
        positions = np.empty(len(titles), np.int64)
        order = np.argsort(
            wanted
        )  # a search in this order is four times as fast, since neighbours are on the same pages of memory
        positions[order] = np.searchsorted(self.hashes, wanted[order])
        candidates = np.arange(len(titles))
        while True:
            candidates = candidates[positions[candidates] < len(self)]
            candidates = candidates[self.hashes[positions[candidates]] == wanted[candidates]]
            if not len(candidates):
                return rows
            equal = pc.equal(self._titles_at(positions[candidates]), titles.take(pa.array(candidates)))
            same = equal.to_numpy(zero_copy_only=False)
            rows[candidates[same]] = positions[candidates[same]]
            candidates = candidates[~same]  # another title of the same hash
            positions[candidates] += 1

    def _titles_at(self, rows: npt.NDArray[np.integer]) -> pa.BinaryArray:
        return self.titles.take(pa.array(rows)).cast(pa.binary())

    def titles_at(self, rows: npt.NDArray[np.integer]) -> list[str]:
        """The titles of rows."""
        titles: list[str] = self._titles_at(rows).cast(pa.string()).to_pylist()
        return titles

    def has_items(self, qids: npt.NDArray[np.uint32]) -> npt.NDArray[np.bool]:
        """Whether each item has a page in the index, without its layers."""
        positions = np.searchsorted(self.item_qids, qids)
        has = positions < len(self.item_qids)
        has[has] = self.item_qids[positions[has]] == qids[has]
        return has

    def titles_of(self, qids: npt.ArrayLike) -> list[str | None]:
        """The title of each item's page; None for an item without a page in this wiki."""
        wanted = np.asarray(qids, np.int64)
        items = np.where((wanted > 0) & (wanted <= MAX_QID), wanted, 0).astype(np.uint32)
        known = np.flatnonzero(self.has_items(items))
        positions = np.searchsorted(self.item_qids, items[known])
        titles: list[str | None] = [None] * len(wanted)
        for i, known_title in zip(known.tolist(), self.titles_at(self.item_rows[positions]), strict=True):
            titles[i] = known_title
        for layer in self.layers:
            lacking = [i for i, title in enumerate(titles) if title is None]
            for i, title in zip(lacking, layer.titles_of(wanted[lacking]), strict=True):
                titles[i] = title
        return titles


def _encoded(title: str) -> bytes:
    """The title in UTF-8."""
    return title.encode(
        "utf-8", "surrogatepass"
    )  # lone surrogates: such a title is in no index, but must not raise an error


def _decoded(title: bytes) -> str:
    return title.decode("utf-8", "surrogatepass")


def _chosen(batches: Sequence[pa.RecordBatch], places: npt.NDArray[np.int64]) -> pa.RecordBatch:
    """The rows at the places; places count over all batches together."""
    return pa.concat_batches(batches).take(pa.array(places))


def _status_codes(
    known: npt.NDArray[np.bool], flags: npt.NDArray[np.uint8], has_item: npt.NDArray[np.bool]
) -> npt.NDArray[np.integer]:
    """The index in _STATUSES of each title's status."""
    redirect, loop, broken = ((flags & flag) != 0 for flag in (REDIRECT, LOOP, BROKEN))
    conditions = [~known, has_item & redirect, has_item, loop, broken]
    return np.select(conditions, [_RED, _REDIRECTED, _RESOLVED, _LOOP, _BROKEN], _NO_ITEM)


def _read_header(directory: Path) -> tuple[dict[str, int], dict[str, tuple[str, int]]]:
    """The counts, and (dtype, number of elements) of each file; TitleIndexError for an unusable header."""
    try:
        header: Any = json.loads((directory / HEADER).read_bytes())
    except FileNotFoundError:
        raise TitleIndexError(f"{directory} is not a complete title index: {HEADER} is missing") from None
    except ValueError as error:
        raise TitleIndexError(f"{directory / HEADER} is damaged: {error}") from error
    version = header.get("version") if isinstance(header, dict) else header
    if version != VERSION:
        raise TitleIndexError(other_version(str(directory / HEADER), "version", version, VERSION))
    try:
        files = {name: (str(header["files"][name]["dtype"]), int(header["files"][name]["count"])) for name in DTYPES}
        return {str(name): int(count) for name, count in header["counts"].items()}, files
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise TitleIndexError(f"{directory / HEADER} is damaged: {type(error).__name__} {error}") from error


def _map_file(path: Path, dtype: str, count: int) -> npt.NDArray[Any]:
    """Maps a file; TitleIndexError if its size or type does not fit the header."""
    if dtype not in DTYPES[path.name]:
        raise TitleIndexError(f"{path} has the type {dtype!r}; accepted: {', '.join(DTYPES[path.name])}")
    size = path.stat().st_size if path.is_file() else None
    expected = count * np.dtype(dtype).itemsize
    if size != expected:
        raise TitleIndexError(f"{path} has {'no' if size is None else size} bytes, but the header says {expected}")
    return np.memmap(path, dtype, "r", shape=(count,)).view(np.ndarray) if count else np.empty(0, dtype)
