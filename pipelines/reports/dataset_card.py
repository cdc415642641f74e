"""The dataset card of an output folder: its README.md, as the Hugging Face Hub and `datasets` read it.

https://huggingface.co/docs/hub/datasets-cards and https://huggingface.co/docs/hub/datasets-manual-configuration
describe the metadata. The card follows from records and manifests only, and its last line has the SHA-256 of the lines
above: a card that a user has changed, or has written, is never replaced.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from mlukit.corpus.languages.iso_codes import iso_codes
from mlukit.engine.logs import warn
from mlukit.engine.manifests import shards_of
from mlukit.engine.storage import Storage
from mlukit.schemas import arrow, layout
from mlukit.schemas.damage import damaged_files
from mlukit.schemas.formats import PARQUET, format_of
from mlukit.schemas.layout import ARTICLES, EXAMPLES, MENTIONS, VOCABULARY
from mlukit.schemas.records import SPLITS
from mlukit.schemas.wording import counted

_SCHEMAS = {
    ARTICLES: arrow.ARTICLES,
    EXAMPLES: arrow.EXAMPLES,
    MENTIONS: arrow.MENTIONS,
    VOCABULARY: arrow.VOCABULARY,
}
_TYPES = {pa.string(): "string", pa.int32(): "int32", pa.int64(): "int64", pa.float64(): "float64"}  # of `datasets`
_SIGNED = "<!-- written by mlukit, which replaces this card as long as nobody changes it: sha256 "
_SIZES = ("n<1K", "1K<n<10K", "10K<n<100K", "100K<n<1M", "1M<n<10M", "10M<n<100M", "100M<n<1B", "1B<n<10B")
_TEXT = """\
mlukit made this dataset from dumps of Wikipedia, for training mLUKE, a language model that represents words and
entities. All languages share one vocabulary of entities, which are items of Wikidata.
"""
_KINDS = {
    ARTICLES: "the text of each article, and its links with the Wikidata item of the page to which each link leads",
    EXAMPLES: "sequences of tokens, and the entities that they mention, with the tokens of each mention",
    MENTIONS: "which anchor, the text of a link, means which item, and how often",
    VOCABULARY: "the entities, the most linked entity first, with titles and labels by language",
}
_SPLITS = "The pages of an item are in the same split in all languages. docs/data.md of mlukit describes each column."
_LICENCE = """\
The text is from Wikipedia, under [CC BY-SA 4.0](https://creativecommons.org/licenses/by-sa/4.0/). The columns
`language` and `page_id` name the page of each text, whose history names the authors:
`https://LANGUAGE.wikipedia.org/?curid=PAGE_ID`. Items and labels are from Wikidata, under CC0."""


@dataclass(frozen=True, slots=True)
class Table:
    """A finished folder whose rows are in Parquet files: a configuration of the dataset."""

    kind: str
    language: str | None
    rows: dict[str, int]  # by split: only splits with rows

    @property
    def name(self) -> str:
        """The name of the configuration."""
        return self.kind if self.language is None else f"{self.kind}-{self.language}"

    def pattern(self, split: str) -> str:
        """The paths of the files of a split."""
        prefix = f"{split}-*" if self.kind in (ARTICLES, EXAMPLES) else "*"
        return f"{layout.folder(self.kind, self.language)}/{prefix}.{PARQUET.ending}"


def write_card(storage: Storage) -> None:
    """Writes the card of an output folder, unless somebody else has written or changed README.md."""
    card = dataset_card(storage)
    if storage.exists(layout.CARD):
        with storage.open(layout.CARD) as stream:
            written = stream.read()
        if written == card:
            return
        if not is_unchanged(written):
            warn(f"{storage.path(layout.CARD)} is not as mlukit wrote it, and stays: delete the file to get a new card")
            return
    with storage.write(layout.CARD) as stream:
        stream.write(card)


def is_unchanged(card: bytes) -> bool:
    """Whether mlukit wrote a card, and nobody has changed it."""
    text, _, last = card.rstrip(b"\n").rpartition(b"\n")
    return f"{last.decode(errors='replace')}\n" == _signature(text + b"\n")


def _signature(text: bytes) -> str:
    return f"{_SIGNED}{hashlib.sha256(text).hexdigest()} -->\n"


def dataset_card(storage: Storage) -> bytes:
    """The card of an output folder whose link stage is finished."""
    tables = tables_of(storage)
    linked = storage.read_json(layout.stage_record("link"))
    languages = sorted(linked["inputs"]["languages"])
    parts = [
        "\n".join(["---", *_metadata(tables, languages), "---"]),
        f"# Wikipedia with entities, in {counted(len(languages), 'language')}",
        "\n".join(_contents(tables)),
        "\n".join(_overview(tables, languages)),
        *_loading(tables),
        "\n".join(_sources(linked)),
        _LICENCE,
    ]
    text = ("\n\n".join(parts) + "\n\n").encode()
    return text + _signature(text).encode()


def tables_of(storage: Storage) -> list[Table]:
    """The finished folders with rows in Parquet files, in the order of `_SCHEMAS` and of languages.

    A split or a folder without rows is left out, because `datasets` fails on a split without rows.
    """
    records = (storage.read_json(name) for name in map(layout.stage_record, layout.STAGES) if storage.exists(name))
    found = []
    for folder in sorted(folder for record in records for folder in record["folders"]):
        kind, _, language = folder.partition("/")
        rows: dict[str, int] = {}
        for shard in shards_of(storage, folder) if kind in _SCHEMAS else ():
            if format_of(shard.path) is PARQUET:
                split = layout.split_of(shard.path) or SPLITS[0]
                rows[split] = rows.get(split, 0) + shard.rows
        if any(rows.values()):
            found.append(Table(kind, language or None, {split: rows[split] for split in SPLITS if rows.get(split)}))
    return sorted(found, key=lambda table: list(_SCHEMAS).index(table.kind))


def _metadata(tables: Sequence[Table], languages: Sequence[str]) -> Iterator[str]:
    """The lines of the YAML block; the features of a type of folder are written once, with an alias."""
    yield "language:"
    yield from (f"- {json.dumps(code)}" for code in iso_codes(languages))  # `no` is false in YAML
    yield "license: cc-by-sa-4.0"
    yield "task_categories: [fill-mask, feature-extraction]"
    yield "tags: [wikipedia, wikidata, entities, entity-linking, mluke]"
    yield f"size_categories: [{_size(tables)}]"
    if not tables:
        return
    yield "configs:"
    for table in tables:
        yield f"- config_name: {table.name}"
        yield "  data_files:"
        yield from (f"  - {{split: {split}, path: {json.dumps(table.pattern(split))}}}" for split in table.rows)
    yield "dataset_info:"
    described: set[str] = set()
    for table in tables:
        yield f"- config_name: {table.name}"
        if table.kind in described:
            yield f"  features: *{table.kind}"
            continue
        described.add(table.kind)
        yield f"  features: &{table.kind}"
        yield from (f"  - {_feature(field)}" for field in _SCHEMAS[table.kind])


def _feature(field: pa.Field) -> str:
    """A column as a feature of `datasets`, in YAML's flow style."""
    if not pa.types.is_list(field.type):
        return f"{{name: {field.name}, dtype: {_TYPES[field.type]}}}"
    element = field.type.value_type
    if pa.types.is_struct(element):
        return f"{{name: {field.name}, list: [{', '.join(map(_feature, element))}]}}"
    return f"{{name: {field.name}, list: {_TYPES[element]}}}"


def _size(tables: Sequence[Table]) -> str:
    """The Hub's class for the number of rows of the largest type of folder."""
    totals = [sum(sum(table.rows.values()) for table in tables if table.kind == kind) for kind in _SCHEMAS]
    return _SIZES[min(max(len(str(max(totals))) - 3, 0), len(_SIZES) - 1)]


def _contents(tables: Sequence[Table]) -> Iterator[str]:
    """What the dataset is, and its types of folders."""
    yield _TEXT
    yield from (f"- `{kind}`: {text}" for kind, text in _KINDS.items() if any(table.kind == kind for table in tables))
    yield f"\n{_SPLITS}"


def _overview(tables: Sequence[Table], languages: Sequence[str]) -> Iterator[str]:
    """A table with the number of rows by language, split and type of folder."""
    kinds = [kind for kind in (ARTICLES, EXAMPLES, MENTIONS) if any(table.kind == kind for table in tables)]
    columns = [(kind, split) for kind in kinds for split in (SPLITS if kind != MENTIONS else SPLITS[:1])]
    rows = {(table.kind, table.language, split): n for table in tables for split, n in table.rows.items()}
    heads = [f"{kind}, {split}" if kind != MENTIONS else kind for kind, split in columns]
    yield f"| language | {' | '.join(heads)} |"
    yield f"| --- |{' ---: |' * len(columns)}"
    for language in languages:
        cells = (f"{rows.get((kind, language, split), 0):,}" for kind, split in columns)
        yield f"| {language} | {' | '.join(cells)} |"
    if entities := rows.get((VOCABULARY, None, SPLITS[0])):
        yield ""
        yield f"The vocabulary has {counted(entities, 'entity', 'entities')}, special entities included."


def _loading(tables: Sequence[Table]) -> Iterator[str]:
    """A program that loads a configuration, of examples if there are any."""
    if tables:
        name = next((table.name for table in tables if table.kind == EXAMPLES), tables[0].name)
        yield "`OUT` stands for this folder, or for the name of its repository:"
        yield f'```python\nfrom datasets import load_dataset\n\ndata = load_dataset("OUT", "{name}")\n```'
    yield "Files that are not Parquet (`.tfrecord.gz`, `.jsonl.gz`), if there are any, are in no configuration."


def _sources(linked: dict[str, Any]) -> Iterator[str]:
    """The files from which the articles were made, with their damage."""
    damaged = {(file.language, file.name): file for file in damaged_files(linked)}
    yield "Made from these files:\n"
    for source in linked["sources"]:
        note = " (damaged)" if (source["language"], source["name"]) in damaged else ""
        yield f"- `{source['name']}`{note}"
