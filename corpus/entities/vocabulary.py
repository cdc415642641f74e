"""Builds the entity vocabulary from the counts of all languages, and looks up entity ids.

The method is mLUKE's (Ri, Yamada, Tsuruoka, 2022; `build-multilingual-entity-vocab` of studio-ousia/luke): the targets
of links are counted over all languages. The vocabulary keeps the 1.2 million most frequent entities with links in at
least three languages. Only pages of the chosen kinds count. Unlike in LUKE, entities are sorted by (-count, QID), so
ids are the same on every run. As in LUKE, the size includes the special entities: it is the number of rows of an
embedding.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain
from typing import BinaryIO, Self, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mlukit.corpus.entities.count_links import Tally, read_part
from mlukit.schemas.arrow import VOCABULARY, VOCABULARY_ROWS
from mlukit.schemas.manifest import Flow
from mlukit.schemas.records import Entity, qid_name
from mlukit.schemas.wording import counted

SPECIAL_ENTITIES = ("[PAD]", "[UNK]", "[MASK]", "[MASK2]")  # at ids 0 to 3
UNKNOWN_ID = SPECIAL_ENTITIES.index("[UNK]")
VOCABULARY_SIZE = 1_200_000
MLUKE_MIN_LANGUAGES = 3
# The default of --min-languages: (languages built, the number of them that must link to an entity), and in words.
_MIN_LANGUAGES = ((6, 3), (2, 2), (1, 1))
MIN_LANGUAGES_RULE = "1 for one language, 2 for two to five languages, 3 for six or more; 3 with --mluke-exact"
ROW_GROUP_ROWS = 4096
_BATCH_ROWS = 1024  # rows read at once from each part that is merged
_NAMED_ROWS = 4 * ROW_GROUP_ROWS  # rows that get titles and labels at once

TextsOf: TypeAlias = Callable[[str, Sequence[int]], Sequence[str | None]]  # (language, QIDs) -> a text or None for each

_BY_LANGUAGE = pa.schema([("qid", pa.int64()), ("language", pa.int16()), ("count", pa.int64())])
_COUNTS = VOCABULARY.field("counts")
MERGED_ENTITIES = pa.schema([pa.field("qid", pa.int64(), nullable=False), VOCABULARY.field("count"), _COUNTS])
_OF_FILES = MERGED_ENTITIES.append(pa.field("file", pa.int16()))
_JSON = json.JSONEncoder(ensure_ascii=False)
_ESCAPED = r'["\\\x00-\x1f]'
_DISAMBIGUATION = r"(?:\((?:[^()]|\([^()]*\))*\)|（(?:[^（）]|（[^（）]*）)*）)$"


class VocabularyError(ValueError):
    """No entity meets the conditions, or a file is not an entity vocabulary."""


@dataclass(frozen=True, slots=True)
class VocabularyOptions:
    """Conditions for entities. If `min_languages` is None, `MIN_LANGUAGES_RULE` decides."""

    size: int = VOCABULARY_SIZE  # special entities included
    min_languages: int | None = None
    min_count: int = 1  # over all languages
    mluke_exact: bool = False

    def languages_needed(self, languages: Sequence[str]) -> int:
        """The number of languages that must have links to an entity.

        Raises:
            VocabularyError: no entity could meet the conditions.
        """
        if self.size <= len(SPECIAL_ENTITIES):
            raise VocabularyError(
                f"--vocabulary-size is {self.size}, but {len(SPECIAL_ENTITIES)} entities are special; accepted: "
                f"{len(SPECIAL_ENTITIES) + 1} or more"
            )
        needed = self._default(len(languages)) if self.min_languages is None else self.min_languages
        if not 1 <= needed <= len(languages):
            asked = f"{needed}{' (set by --mluke-exact)' if self.min_languages is None else ''}"
            raise VocabularyError(
                f"--min-languages is {asked}, but {_built(languages)} built ({', '.join(sorted(languages))}); "
                f"accepted: {f'1 to {len(languages)}' if len(languages) > 1 else '1'}"
            )
        return needed

    def _default(self, languages: int) -> int:
        if self.mluke_exact:
            return MLUKE_MIN_LANGUAGES
        return next((needed for least, needed in _MIN_LANGUAGES if languages >= least), 1)


def _built(languages: Sequence[str]) -> str:
    return f"{counted(len(languages), 'language')} {'is' if len(languages) == 1 else 'are'}"


def merge_entities(
    shards: Iterable[tuple[str, BinaryIO]], part: int, min_languages: int, min_count: int, merged: BinaryIO
) -> tuple[Flow, Counter[int]]:
    """Adds up one part of the entity counts over all shards of all languages.

    Args:
        shards: (language, counts written by `count_shard`); each is opened only when it is read.
        part: the number of the hash part.
        min_languages: entities in fewer languages are left out.
        min_count: entities with fewer links are left out.
        merged: receives `MERGED_ENTITIES`, in the order (-count, QID).

    Returns:
        The flow of the part's entities, and the number of entities for each number of languages.
    """
    codes: dict[str, int] = {}
    tally = Tally(_BY_LANGUAGE)
    for language, stream in shards:
        rows = read_part(stream, part)
        code = pa.array(np.full(rows.num_rows, codes.setdefault(language, len(codes)), np.int16))
        tally.add(pa.table([rows["qid"], code, rows["count"]], schema=_BY_LANGUAGE))
    totals, languages = _by_entity(tally.total(), list(codes))
    kept, flow = _kept(totals, languages, min_languages, min_count)
    with pq.ParquetWriter(merged, MERGED_ENTITIES, compression="zstd", write_statistics=False) as writer:
        writer.write_table(kept, row_group_size=ROW_GROUP_ROWS)
    numbers, entities = np.unique(languages, return_counts=True)
    return flow, Counter(dict(zip(numbers.tolist(), entities.tolist(), strict=True)))


def _by_entity(rows: pa.Table, languages: list[str]) -> tuple[pa.Table, npt.NDArray[np.int64]]:
    """Turns a row for each (QID, language) into a row for each QID.

    Returns:
        Rows of MERGED_ENTITIES, ascending by QID, and the number of languages of each row.
    """
    names = pa.array(languages, pa.string()).take(rows["language"].combine_chunks())
    rows = rows.set_column(1, "language", names).sort_by([("qid", "ascending"), ("language", "ascending")])
    qids, counts = rows["qid"].to_numpy(), rows["count"].to_numpy()
    starts = np.flatnonzero(np.diff(qids, prepend=-1))
    offsets = pa.array(np.append(starts, len(qids)).astype(np.int32))
    fields = list(_COUNTS.type.value_type)
    pairs = pa.StructArray.from_arrays([rows["language"].combine_chunks(), pa.array(counts)], fields=fields)
    by_language = pa.ListArray.from_arrays(offsets, pairs, type=_COUNTS.type)
    totals = np.add.reduceat(counts, starts) if len(starts) else counts
    return pa.table([pa.array(qids[starts]), pa.array(totals), by_language], schema=MERGED_ENTITIES), np.diff(offsets)


def _kept(
    entities: pa.Table, languages: npt.NDArray[np.int64], min_languages: int, min_count: int
) -> tuple[pa.Table, Flow]:
    """The entities that meet the conditions, in order; `languages` is the number of languages of each entity."""
    few = languages < min_languages
    rare = ~few & (entities["count"].to_numpy() < min_count)
    kept = entities.filter(pa.array(~few & ~rare)).sort_by([("count", "descending"), ("qid", "ascending")])
    reasons = {f"in fewer than {min_languages} languages": few, f"linked less than {min_count} times": rare}
    skipped = Counter({reason: int(rows.sum()) for reason, rows in reasons.items() if rows.any()})
    return kept, Flow(entered=entities.num_rows, out=kept.num_rows, skipped=skipped)


def check_candidates(flow: Flow, spread: Mapping[int, int], min_languages: int, min_count: int) -> None:
    """Refuses a vocabulary without entities.

    Args:
        flow: the sum of the flows that `merge_entities` returned for all parts.
        spread: the sum of the numbers of entities that `merge_entities` returned for all parts.
        min_languages: see `merge_entities`.
        min_count: see `merge_entities`.

    Raises:
        VocabularyError: no part has an entity that is kept; the message has their number and the option to lower.
    """
    if flow.out:
        return
    if not flow.entered:
        raise VocabularyError("the entity vocabulary is empty: no link on the counted pages has an item")
    found = ", ".join(
        f"{counted(n, 'entity', 'entities')} in {counted(width, 'language')}" for width, n in sorted(spread.items())
    )
    options = [f"--min-languages (now {min_languages})"] * (min_languages > 1) + [f"--min-count (now {min_count})"] * (
        min_count > 1
    )
    raise VocabularyError(
        f"the entity vocabulary is empty: links lead to {counted(flow.entered, 'entity', 'entities')} ({found}), but "
        f"no entity meets the conditions; lower {' or '.join(options)}"
    )


@dataclass(frozen=True, slots=True)
class EntityNames:
    """Where titles and labels of entities are looked up."""

    languages: Sequence[str]
    titles_of: TextsOf  # the titles of the items' pages in a language
    labels_of: TextsOf | None = None  # Wikidata's labels; None if no source has them


def order_vocabulary(
    parts: Sequence[BinaryIO], names: EntityNames, size: int, parquet: BinaryIO, jsonl: BinaryIO
) -> Flow:
    """Sorts the entities of all parts, gives them ids, and writes them with titles and labels.

    A label is Wikidata's label or, without one, the title without its disambiguation (see `labels_of_titles`).

    Args:
        parts: files written by `merge_entities`, seekable; one batch of each part is in memory.
        names: where titles and labels are looked up.
        size: the most rows to write, special entities included.
        parquet: receives `schemas.arrow.VOCABULARY`.
        jsonl: receives a line for each entity, with an object by language for `counts`, `titles` and `labels`.

    Returns:
        The flow of the entities.
    """
    files = [pq.ParquetFile(part) for part in parts]
    total = sum(file.metadata.num_rows for file in files)
    kept = min(total, size - len(SPECIAL_ENTITIES))
    special = [Entity(i, name, None, 0, (), (), ()) for i, name in enumerate(SPECIAL_ENTITIES)]
    with pq.ParquetWriter(parquet, VOCABULARY, compression="zstd") as writer, ThreadPoolExecutor(1) as executor:
        writing = executor.submit(_write_entities, VOCABULARY_ROWS.to_batch(special), writer, jsonl)
        written = len(special)
        for rows in _row_groups(_in_order(files), kept):
            named = _with_names(rows, written, names)
            written += len(rows)
            writing.result()  # one batch is written while the next is named
            writing = executor.submit(_write_entities, named, writer, jsonl)
        writing.result()
    skipped = Counter({"beyond the vocabulary's size": total - kept} if total > kept else {})
    return Flow(entered=total, out=kept, skipped=skipped)


def _in_order(files: Sequence[pq.ParquetFile]) -> Iterator[pa.Table]:
    """Merges the rows of all files, which are sorted by (-count, QID), in the same order.

    The next batch of a file is read when less than a batch of it is left. A row is returned as soon as every unfinished
    file was read up to the place of this row.
    """
    readers = {n: file.iter_batches(_BATCH_ROWS, use_threads=False) for n, file in enumerate(files)}
    held, left = _OF_FILES.empty_table(), np.zeros(len(files), np.int64)
    while readers or held.num_rows:
        for n in [n for n in readers if left[n] < _BATCH_ROWS]:
            if (batch := next(readers[n], None)) is None:
                del readers[n]
            else:
                columns = [*batch.columns, pa.array(np.full(len(batch), n, np.int16))]
                held = pa.concat_tables([held, pa.table(columns, _OF_FILES)])
        held = held.sort_by([("count", "descending"), ("qid", "ascending")])
        file_of, ends = held["file"].to_numpy(), np.full(len(files), -1)
        ends[file_of] = np.arange(len(file_of))  # the last row of each file
        ready = min((ends[n] + 1 for n in readers), default=len(file_of))
        yield held.slice(0, ready).select(MERGED_ENTITIES.names)
        held, left = held.slice(ready), np.bincount(file_of[ready:], minlength=len(files))


def _row_groups(tables: Iterator[pa.Table], limit: int) -> Iterator[pa.Table]:
    """The first `limit` rows, in tables of _NAMED_ROWS rows."""
    rows = MERGED_ENTITIES.empty_table()
    while limit:
        size = min(limit, _NAMED_ROWS)
        while rows.num_rows < size:
            rows = pa.concat_tables([rows, next(tables)])
        yield rows.slice(0, size).combine_chunks()
        rows, limit = rows.slice(size), limit - size


def _with_names(rows: pa.Table, first_id: int, names: EntityNames) -> pa.RecordBatch:
    """Makes rows of the vocabulary from merged entities; the ids begin with `first_id`."""
    qids, languages = rows["qid"].to_pylist(), sorted(names.languages)
    titles = pa.array(chain.from_iterable(names.titles_of(language, qids) for language in languages), pa.string())
    labels = labels_of_titles(titles)
    if names.labels_of:
        known = (label or None for language in languages for label in names.labels_of(language, qids))
        labels = pc.coalesce(pa.array(known, pa.string()), labels)
    items = pc.binary_join_element_wise("Q", rows["qid"].combine_chunks().cast(pa.string()), "")
    columns = {
        "entity_id": np.arange(first_id, first_id + len(qids), dtype=np.int32),
        "name": items,
        "qid": items,
        "count": rows["count"].combine_chunks(),
        "counts": rows["counts"].combine_chunks(),
        "titles": _by_language("titles", languages, titles, len(qids)),
        "labels": _by_language("labels", languages, labels, len(qids)),
    }
    return pa.RecordBatch.from_pydict(columns, VOCABULARY)


def _by_language(column: str, languages: Sequence[str], texts: pa.StringArray, entities: int) -> pa.ListArray:
    """A list of (language, text) for each entity.

    Args:
        column: the name of a column of VOCABULARY.
        languages: the languages in the order of the texts.
        texts: the texts of all entities in the first language, then in the second, and so on; null for no text.
        entities: the number of entities.
    """
    list_type = VOCABULARY.field(column).type
    known = texts.is_valid().to_numpy(zero_copy_only=False).reshape(len(languages), entities)
    of_entity, of_language = np.nonzero(known.T)
    parts = [pa.array(languages, pa.string()).take(of_language), texts.take(of_language * entities + of_entity)]
    pairs = pa.StructArray.from_arrays(parts, fields=list(list_type.value_type))
    offsets = np.append(0, np.cumsum(np.count_nonzero(known, axis=0)))
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), pairs, type=list_type)


def labels_of_titles(titles: pa.StringArray) -> pa.StringArray:
    """The titles without a disambiguation in parentheses at their end: "Mercury (planet)" -> "Mercury".

    Wikidata's labels leave it out, too (www.wikidata.org/wiki/Help:Label, "Disambiguation information"). A title that
    consists only of a disambiguation stays.
    """
    ends = pc.or_(pc.ends_with(titles, ")"), pc.ends_with(titles, "）"))
    whole = titles.filter(ends)
    cut = pc.utf8_rtrim_whitespace(pc.replace_substring_regex(whole, _DISAMBIGUATION, ""))
    return pc.replace_with_mask(titles, pc.fill_null(ends, False), pc.if_else(pc.equal(cut, ""), whole, cut))


def _write_entities(entities: pa.RecordBatch, writer: pq.ParquetWriter, jsonl: BinaryIO) -> None:
    """Writes a batch of VOCABULARY to both files."""
    writer.write_batch(entities, row_group_size=ROW_GROUP_ROWS)
    jsonl.write("".join(_json_lines(entities).to_pylist()).encode())


def _json_lines(entities: pa.RecordBatch) -> pa.StringArray:
    """A JSON line for each entity, as json.dumps writes it but far faster; lists become objects by language."""
    members = []
    for name, column in zip(entities.schema.names, entities.columns, strict=True):
        members += [f', "{name}": ', _json_objects(column) if pa.types.is_list(column.type) else _json_values(column)]
    return _joined("{", members[0].removeprefix(", "), *members[1:], "}\n")


def _json_objects(column: pa.ListArray) -> pa.StringArray:
    """The JSON object {"language": value, …} for each list of (language, value) pairs."""
    languages, values = column.flatten().flatten()
    pairs = _joined(_json_values(languages), ": ", _json_values(values))
    offsets = np.append(0, np.cumsum(column.value_lengths().to_numpy()))
    lists = pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), pairs)
    return _joined("{", pc.binary_join(lists, ", "), "}")


def _json_values(values: pa.Array) -> pa.StringArray:
    """The JSON text of each value."""
    if pa.types.is_integer(values.type):
        return values.cast(pa.string())
    escaped = pc.fill_null(pc.match_substring_regex(values, _ESCAPED), False)
    escapes = pa.array(map(_JSON.encode, values.filter(escaped).to_pylist()), pa.string())
    return pc.replace_with_mask(pc.fill_null(_joined('"', values, '"'), "null"), escaped, escapes)


def _joined(*parts: pa.StringArray | str) -> pa.StringArray:
    """Joins strings row by row; null if any part is null."""
    return pc.binary_join_element_wise(*parts, "")


@dataclass(frozen=True, slots=True)
class EntityVocabulary:
    """Looks up entity ids by QID. Memory: some 15 MB for 1.2 million entities."""

    size: int  # special entities included: ids are 0 to size - 1
    fingerprint: str  # SHA-256 of the names in the order of ids, a newline after each
    _qids: npt.NDArray[np.int64]  # ascending
    _ids: npt.NDArray[np.int32]  # the entity ids of _qids

    @classmethod
    def open(cls, parquet: BinaryIO) -> Self:
        """Reads a vocabulary that `order_vocabulary` wrote.

        Raises:
            VocabularyError: the file is not an entity vocabulary.
        """
        try:
            with pq.ParquetFile(parquet) as file:
                return cls._read(file)
        except (pa.ArrowException, KeyError, OSError) as error:
            text = " ".join(str(error).split())  # Arrow's has line ends
            raise VocabularyError(f"the file is not an entity vocabulary: {text}") from error

    @classmethod
    def _read(cls, file: pq.ParquetFile) -> Self:
        digest, rows = hashlib.sha256(), 0
        qids = np.empty(file.metadata.num_rows, np.int64)
        for batch in file.iter_batches(ROW_GROUP_ROWS, columns=["entity_id", "name"], use_threads=False):
            if not np.array_equal(batch["entity_id"].to_numpy(), np.arange(rows, rows + len(batch))):
                raise VocabularyError("the rows of an entity vocabulary must be in the order of entity_id, from 0")
            names = batch["name"].to_pylist()
            digest.update("".join(f"{name}\n" for name in names).encode())
            qids[rows : rows + len(batch)] = _qids_of(names, rows)
            rows += len(batch)
        if rows < len(SPECIAL_ENTITIES):
            raise VocabularyError(f"an entity vocabulary must begin with {SPECIAL_ENTITIES}; this file has {rows} rows")
        return cls(rows, digest.hexdigest(), *_by_qid(qids[len(SPECIAL_ENTITIES) :]))

    def ids_of(self, qids: Sequence[int] | npt.NDArray[np.int64]) -> npt.NDArray[np.int32]:
        """The entity ids of QIDs; -1 for QIDs that are not in the vocabulary."""
        wanted = np.asarray(qids, np.int64)
        if not len(self._qids):
            return np.full(len(wanted), -1, np.int32)
        positions = np.minimum(np.searchsorted(self._qids, wanted), len(self._qids) - 1)
        return np.where(self._qids[positions] == wanted, self._ids[positions], np.int32(-1))


def _qids_of(names: list[str], first_id: int) -> npt.NDArray[np.int64]:
    """The QIDs of entities from their names, as numbers; 0 for special entities.

    Raises:
        VocabularyError: the vocabulary does not begin with SPECIAL_ENTITIES.
    """
    special = SPECIAL_ENTITIES[first_id:]
    if tuple(found := names[: len(special)]) != special:
        raise VocabularyError(f"an entity vocabulary must begin with {SPECIAL_ENTITIES}; this file begins with {found}")
    numbers = pc.cast(pc.utf8_slice_codeunits(pa.array(names[len(special) :], pa.string()), 1), pa.int64())
    return np.concatenate([np.zeros(len(special), np.int64), numbers.to_numpy()])


def _by_qid(qids: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int32]]:
    """Sorts QIDs that are in the order of entity ids.

    Returns:
        The ascending QIDs, and the entity id of each.

    Raises:
        VocabularyError: a QID occurs twice.
    """
    order = np.argsort(qids)
    qids = qids[order]
    if (twice := np.flatnonzero(np.diff(qids) == 0)).size:
        raise VocabularyError(f"the entity vocabulary has {qid_name(qids[twice[0]])} twice")
    return qids, (order + len(SPECIAL_ENTITIES)).astype(np.int32)
