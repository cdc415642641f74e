"""`mlukit inspect`: shows records of an output folder in a form for people."""

import json
from collections.abc import Callable, Iterator, Sequence
from heapq import nlargest
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from mlukit.corpus.examples.tokenizer import Tokenizer
from mlukit.engine.command_parser import CommandParser, at_least
from mlukit.engine.errors import RefusedError
from mlukit.engine.logs import say
from mlukit.engine.manifests import check_manifest
from mlukit.engine.storage import Storage, is_local, open_file
from mlukit.pipelines.command import exit_status
from mlukit.pipelines.integrity import read_records
from mlukit.pipelines.option_values import qid
from mlukit.pipelines.records.selection import ANYTHING, Selection, SelectionError, Wanted, selection
from mlukit.pipelines.reports.account import account_lines, measures_lines
from mlukit.pipelines.settings import add_output, output_and_words
from mlukit.pipelines.stage import check_formats
from mlukit.schemas import layout
from mlukit.schemas.arrow import ARTICLE_ROWS, EXAMPLE_ROWS, RecordCodec
from mlukit.schemas.formats import PARQUET, format_of, in_one_format
from mlukit.schemas.layout import (
    ARTICLES,
    EXAMPLES,
    MENTIONS,
    RUN_RECORD,
    STAGES,
    TOKENIZER,
    VOCABULARY,
    VOCABULARY_PARQUET,
    stage_record,
)
from mlukit.schemas.manifest import MANIFEST
from mlukit.schemas.records import Example, LinkedArticle, qid_name
from mlukit.schemas.wording import counted

_EXAMPLES = """  mlukit inspect OUT                            counts of each stage, time and memory of each step
  mlukit inspect OUT --title Berlin             the article with this title, in each language
  mlukit inspect OUT --qid Q64                  an item: its entity, its articles, its anchor texts
  mlukit inspect OUT/articles/en --number 2     texts with their links
  mlukit inspect OUT/examples/en --page-id 12   tokens with their entities
  mlukit inspect OUT/vocabulary"""
_CODECS: dict[str, RecordCodec[Any]] = {ARTICLES: ARTICLE_ROWS, EXAMPLES: EXAMPLE_ROWS}  # by the type of a folder


class InspectError(ValueError):
    """The requested records cannot be shown."""


class NotThereError(Exception):
    """No record matches the request."""


def main(arguments: Sequence[str]) -> int:
    """Runs the command, and returns the exit status."""
    refused = (RefusedError, InspectError, SelectionError, OSError)
    return exit_status("inspect", lambda: _run(arguments), refused=refused, failed=(NotThereError,), after_stop="")


def _run(arguments: Sequence[str]) -> int:
    asked = parser().parse_args(list(arguments))
    folder, _ = output_and_words(asked, 0)
    show(folder, asked.number, asked.characters, Wanted(asked.page_id, asked.title, asked.qid))
    return 0


def parser() -> CommandParser:
    """The parser of the command's flags."""
    made = CommandParser(
        "inspect", "OUT[/FOLDER] [FLAGS]", "Shows records that mlukit wrote, in a form for people.", _EXAMPLES
    )
    add_output(made, "Output folder of mlukit build, or one of the folders in it.")
    chosen, shown = made.group("which records"), made.group("output")
    chosen.add_argument(
        "--title",
        metavar="T",
        help="Show only records of the article with this title. In the vocabulary: only entities with this title in "
        "any language.",
    )
    chosen.add_argument(
        "--qid",
        type=qid,
        metavar="Q",
        help="Show only records of this Wikidata item. In examples: only examples that mention the item.",
    )
    chosen.add_argument("--page-id", type=at_least(1), metavar="ID", help="Show only records of this page.")
    text = "Maximum number of records to show from each folder."
    shown.add_argument("--number", type=at_least(1), default=3, metavar="N", help=text)
    text = "Maximum number of characters to show of each record; 0 shows all characters."
    shown.add_argument("--characters", type=at_least(0), default=1500, metavar="N", help=text)
    return made


def show(folder: str, number: int, characters: int = 0, wanted: Wanted = ANYTHING) -> None:
    """Prints records of a folder, or the report of an output folder.

    Args:
        folder: an output folder, or a folder in it.
        number: the maximum number of records per folder.
        characters: the maximum number of characters per record; 0 for no maximum.
        wanted: which records to print.

    Raises:
        InspectError: mlukit did not write the folder.
        NotThereError: no record matches `wanted`.
    """
    folder = str(Path(folder).resolve()) if is_local(folder) else folder  # other folders of OUT are read, too
    storage = Storage(folder)
    if storage.exists(RUN_RECORD):
        for name in filter(storage.exists, map(stage_record, STAGES)):
            check_formats(storage, name, storage.read_json(name))
        if str(wanted):
            _show_everywhere(storage, number, characters, wanted)
        else:
            print("\n".join([*account_lines(storage, STAGES), "", *measures_lines(storage)]))
        return
    if storage.exists(layout.REPORT_PAGE.rpartition("/")[2]):
        raise InspectError(f"{folder} has the page of mlukit report: open {folder}/index.html in a browser")
    if not storage.exists(MANIFEST):
        raise InspectError(
            f"{folder} has neither {RUN_RECORD} nor {MANIFEST}: name OUT, or a finished folder such as OUT/examples/en"
        )
    manifest = storage.read_json(MANIFEST)
    check_manifest(storage.path(MANIFEST), manifest)
    depth = len(manifest["shards"][0]["path"].split("/")) - 1 if manifest["shards"] else 1
    root = Storage("/".join(folder.split("/")[:-depth]) or ".")
    if not _show_records(root, manifest, number, characters, wanted):
        if str(wanted):
            raise NotThereError(f"{folder} has no record with {wanted}")
        say(f"{folder} has no records")


def _show_everywhere(root: Storage, number: int, characters: int, wanted: Wanted) -> None:
    """Prints the records of an article or an item from all folders of an output, each folder under its name."""
    kinds = (VOCABULARY, ARTICLES, MENTIONS) if wanted.qid else (ARTICLES,)
    finished = [path for path in _folders(root) if path.partition("/")[0] in kinds]
    found = False
    for path in sorted(finished, key=lambda path: (kinds.index(path.partition("/")[0]), path)):
        manifest = root.read_json(layout.manifest(path))
        found |= _show_records(root, manifest, number, characters, wanted, title=f"== {path}")
    if not found:
        raise NotThereError(
            f"{root.root} has no article with {wanted} ({', '.join(finished) or 'no stage is finished'})"
        )


def _folders(root: Storage) -> list[str]:
    """The folders of finished stages."""
    records, _ = read_records(root)
    return [
        folder for record in records.values() for folder in record["folders"] if root.exists(layout.manifest(folder))
    ]


def _show_records(
    root: Storage, manifest: dict[str, Any], number: int, characters: int, wanted: Wanted, title: str = ""
) -> bool:
    """Prints records of a folder, under a title. Returns whether there are any records."""
    rows = _rows(root, manifest, selection(wanted, root, manifest["kind"], manifest["language"]))
    if wanted.qid and manifest["kind"] == MENTIONS:
        rows = iter(nlargest(number, rows, key=lambda row: row["linked"]))
    render: Callable[[Any], str] | None = None
    for row in islice(rows, number):
        if render is None:
            print(title, end="\n\n" if title else "")
            render = _renderer(root, manifest)
        text = render(row)
        cut = 0 < characters < len(text)
        print(f"{text[:characters]} … (--characters 0 shows all)" if cut else text, end="\n\n")
    return render is not None


def _rows(root: Storage, manifest: dict[str, Any], chosen: Selection) -> Iterator[Any]:
    paths = [shard["path"] for shard in manifest["shards"]]
    codec = _CODECS.get(manifest["kind"])
    for path in in_one_format(paths):
        with root.open(path) as stream:
            for batch in chosen.read(stream, format_of(path) or PARQUET, codec.schema if codec else None):
                yield from batch.to_pylist() if codec is None else codec.to_records(batch)


def _renderer(root: Storage, manifest: dict[str, Any]) -> Callable[[Any], str]:
    """Returns the function that shows a record of the folder's type; JSON for types without their own form."""
    if manifest["kind"] == ARTICLES:
        return render_article
    if manifest["kind"] == EXAMPLES:
        with root.open(TOKENIZER) as stream:
            tokenizer = Tokenizer.load(stream.read())
        names = _entity_names(root, manifest["language"])
        return lambda example: render_example(example, tokenizer, names)
    return lambda row: json.dumps(row, ensure_ascii=False)


def _entity_names(root: Storage, language: str) -> list[str]:
    """The QID of each entity, by entity id, with its label in the language, or else in English or any language."""
    with open_file(root.path(VOCABULARY_PARQUET)) as stream:
        table = pq.ParquetFile(stream).read(["name", "labels"], use_threads=False)
    names = []
    for name, labels in zip(table["name"].to_pylist(), table["labels"].to_pylist(), strict=True):
        texts = {label["language"]: label["label"] for label in labels}
        label = texts.get(language) or texts.get("en") or next(iter(texts.values()), "")
        names.append(f"{name} {label}".rstrip())
    return names


def render_article(article: LinkedArticle) -> str:
    """Shows the text of an article with each link as [anchor|QID], or as [anchor|status] if it has no item."""
    parts, offset = [], 0
    for link in article.links:
        target = link.status if link.qid is None else qid_name(link.qid)
        parts += [article.text[offset : link.start], f"[{article.text[link.start : link.end]}|{target}]"]
        offset = link.end
    qid = "no item" if article.qid is None else qid_name(article.qid)
    head = f"# {article.title} ({article.language}, page {article.page_id}, {qid}, {article.kind}, {article.split})"
    return f"{head}\n{''.join(parts)}{article.text[offset:]}"


def render_example(example: Example, tokenizer: Tokenizer, names: Sequence[str]) -> str:
    """Shows the pieces of an example, with mentions and their entities in brackets."""
    pieces = tokenizer.pieces(example.token_ids)
    opening, closing = {}, {}
    for entity, start, end in zip(example.entity_ids, example.entity_starts, example.entity_ends, strict=True):
        opening[start], closing[end] = "[", f"|{names[entity]}]"
    words = [f"{closing.get(i, '')} {opening.get(i, '')}{piece}" for i, piece in enumerate(pieces)]
    text = "".join(words) + closing.get(len(pieces), "")
    head = (
        f"# page {example.page_id}, example {example.index} ({example.language}, {example.split}): "
        f"{counted(len(pieces), 'token')}, {counted(len(example.entity_ids), 'entity', 'entities')}"
    )
    return f"{head}\n{text.strip()}"
