"""The entity vocabulary of an output folder, by id, by QID and by title."""

from bisect import bisect_right
from functools import lru_cache
from itertools import accumulate
from pathlib import Path
from typing import Self

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mlukit.corpus.entities.vocabulary import EntityVocabulary
from mlukit.corpus.languages.load import any_language
from mlukit.corpus.titles.normalise import normalise_title
from mlukit.library.output_folder import OutputError, files_of, languages_of
from mlukit.schemas import layout
from mlukit.schemas.arrow import VOCABULARY_ROWS
from mlukit.schemas.records import Entity, qid_number

_GROUPS = 64  # row groups that are kept: 260,000 entities


class Vocabulary:
    """The entities of an output folder.

    `vocabulary[4]` is the entity with the id 4, and `len(vocabulary)` counts the special entities, too. Memory: some
    15 MB for 1.2 million entities, the rows that were read last, and the titles of each language that was asked for.

    Attributes:
        fingerprint: the SHA-256 of the names of all entities, which belongs to examples and models.
    """

    def __init__(self, file: Path, languages: list[str]) -> None:
        self._parquet, self._languages = pq.ParquetFile(file), languages
        with file.open("rb") as stream:
            self._ids = EntityVocabulary.open(stream)
        self.fingerprint = self._ids.fingerprint
        groups = self._parquet.metadata
        self._ends = list(accumulate(groups.row_group(number).num_rows for number in range(groups.num_row_groups)))
        self._titles: dict[str, dict[str, int]] = {}
        self._group = lru_cache(_GROUPS)(lambda number: self._parquet.read_row_group(number, use_threads=False))

    @classmethod
    def open(cls, output: str | Path) -> Self:
        """Opens the vocabulary of an output folder.

        Args:
            output: OUT, an output folder on this machine, whose vocabulary stage is finished.

        Raises:
            OutputError: OUT has no vocabulary.
            VocabularyError: the file is not an entity vocabulary.
        """
        (file,) = files_of(output, layout.VOCABULARY)
        return cls(file, languages_of(output, layout.ARTICLES))

    def __len__(self) -> int:
        return self._ids.size

    def __getitem__(self, entity_id: int) -> Entity:
        """The entity with an id.

        Raises:
            IndexError: the vocabulary has no entity with this id.
        """
        if not 0 <= entity_id < len(self):
            raise IndexError(f"the vocabulary has no entity {entity_id}; accepted: 0 to {len(self) - 1}")
        group = bisect_right(self._ends, entity_id)
        row = entity_id - (self._ends[group - 1] if group else 0)
        (batch,) = self._group(group).slice(row, 1).combine_chunks().to_batches()
        return VOCABULARY_ROWS.to_records(batch)[0]

    def by_qid(self, qid: str | int) -> Entity | None:
        """The entity of an item, such as "Q64" or 64; None if the vocabulary does not have the item.

        Raises:
            ValueError: the text is not a QID.
        """
        number = qid if isinstance(qid, int) else qid_number(qid)
        entity_id = int(self._ids.ids_of([number])[0])
        return None if entity_id < 0 else self[entity_id]

    def by_title(self, title: str, language: str) -> Entity | None:
        """The entity whose page in a language has a title; None if the vocabulary has no such entity.

        The title may be written as in a link: `mount_Everest` is "Mount Everest". A redirect is not a title.

        Raises:
            OutputError: the vocabulary has no titles in the language.
        """
        if language not in self._languages:
            raise OutputError(f"the vocabulary has no titles in {language!r}; accepted: {', '.join(self._languages)}")
        page = normalise_title(title, any_language(language))
        if page is None or page.language != language:
            return None
        entity_id = self._titles_in(language).get(page.title)
        return None if entity_id is None else self[entity_id]

    def _titles_in(self, language: str) -> dict[str, int]:
        """The entity id of each title in a language, read from the file the first time."""
        if language not in self._titles:
            found = self._titles[language] = {}
            for batch in self._parquet.iter_batches(columns=["entity_id", "titles"], use_threads=False):
                titles, rows = batch["titles"].flatten(), pc.list_parent_indices(batch["titles"])
                wanted = pc.equal(titles.field("language"), pa.scalar(language))
                ids = batch["entity_id"].take(rows.filter(wanted)).to_pylist()
                found.update(zip(titles.field("title").filter(wanted).to_pylist(), ids, strict=True))
        return self._titles[language]
