"""`mlukit inspect`: shows records of what was written, as a person reads them."""

import argparse
import json
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from mlukit.corpus.examples.tokenizer import Tokenizer
from mlukit.engine.errors import RefusedError, say
from mlukit.engine.manifests import check_manifest
from mlukit.engine.storage import Storage, is_local, open_file
from mlukit.pipelines.command import exit_status
from mlukit.pipelines.option_values import at_least, plain_path
from mlukit.pipelines.report import print_measures, print_report
from mlukit.pipelines.settings import Parser
from mlukit.pipelines.stage import check_formats
from mlukit.schemas.arrow import ARTICLE_ROWS, EXAMPLE_ROWS, RecordCodec
from mlukit.schemas.formats import FORMATS, PARQUET, format_of
from mlukit.schemas.layout import ARTICLES, EXAMPLES, RUN_RECORD, STAGES, TOKENIZER, VOCABULARY_PARQUET, stage_record
from mlukit.schemas.manifest import MANIFEST
from mlukit.schemas.records import Example, LinkedArticle, qid_name
from mlukit.schemas.wording import counted

_EXAMPLES = """  mlukit inspect OUT                            where everything went, and what each step took
  mlukit inspect OUT/articles/en --number 2     text with its links marked
  mlukit inspect OUT/examples/en --page-id 12   pieces with their entities
  mlukit inspect OUT/vocabulary"""


_CODECS: dict[str, RecordCodec[Any]] = {ARTICLES: ARTICLE_ROWS, EXAMPLES: EXAMPLE_ROWS}  # by the type of a folder


class InspectError(ValueError):
    """What is asked for cannot be shown."""


def main(arguments: Sequence[str]) -> int:
    """The command."""
    return exit_status(
        "inspect", lambda: _run(arguments), refused=(RefusedError, InspectError, OSError), failed=(), after_stop=""
    )


def _run(arguments: Sequence[str]) -> int:
    asked = _parser().parse_args(list(arguments))
    show(plain_path(asked.folder).rstrip("/"), asked.number, asked.characters, asked.page_id)
    return 0


def _parser() -> Parser:
    parser = Parser(
        prog="mlukit inspect",
        description="Shows records of what mlukit wrote.",
        epilog=f"examples:\n{_EXAMPLES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("folder", metavar="FOLDER", help="an output folder, or one of the folders in it")
    parser.add_argument("--number", type=at_least(1), default=3, metavar="N", help="records to show (default 3)")
    parser.add_argument(
        "--characters", type=at_least(0), default=1500, metavar="N", help="of a record; 0 shows all (default 1500)"
    )
    parser.add_argument("--page-id", type=at_least(1), metavar="ID", help="only records of this page")
    return parser


def show(folder: str, number: int, characters: int = 0, page_id: int | None = None) -> None:
    """Prints `number` records of a folder, at most `characters` of each, or the report of an output folder.

    Raises:
        InspectError: the folder is none of ours.
    """
    folder = str(Path(folder).resolve()) if is_local(folder) else folder  # what lies beside it is needed, too
    storage = Storage(folder)
    if storage.exists(RUN_RECORD):
        for name in filter(storage.exists, map(stage_record, STAGES)):
            check_formats(storage, name, storage.read_json(name))
        print_report(storage, STAGES)
        print()
        print_measures(storage)
        return
    if not storage.exists(MANIFEST):
        raise InspectError(
            f"{folder} has neither {RUN_RECORD} nor {MANIFEST}: name OUT, or a finished folder such as OUT/examples/en"
        )
    manifest = storage.read_json(MANIFEST)
    check_manifest(storage.path(MANIFEST), manifest)
    depth = len(manifest["shards"][0]["path"].split("/")) - 1 if manifest["shards"] else 1
    root = Storage("/".join(folder.split("/")[:-depth]) or ".")
    rows = _rows(root, manifest)
    if page_id is not None:
        rows = (row for row in rows if _page_id(row) == page_id)
    render = _renderer(root, manifest)
    shown = 0
    for row in islice(rows, number):
        shown += 1
        text = render(row)
        cut = 0 < characters < len(text)
        print(f"{text[:characters]} … (--characters 0 shows all)" if cut else text, end="\n\n")
    if not shown:
        say(f"{folder} has no record" + (f" of page {page_id}" if page_id is not None else ""))


def _page_id(row: Any) -> int | None:
    return row.get("page_id") if isinstance(row, dict) else row.page_id


def _rows(root: Storage, manifest: dict[str, Any]) -> Iterator[Any]:
    paths = [shard["path"] for shard in manifest["shards"]]
    codec = _CODECS.get(manifest["kind"])
    for path in _in_one_format(paths):
        with root.open(path) as stream:
            shard_format = format_of(path) or PARQUET
            for batch in shard_format.read(stream, codec.schema if codec else None, None):
                yield from batch.to_pylist() if codec is None else codec.to_records(batch)


def _in_one_format(paths: Sequence[str]) -> list[str]:
    """The shards of the first format that a folder has, in order."""
    by_format = ([path for path in paths if format_of(path) is one] for one in FORMATS.values())
    return next(filter(None, by_format), [])


def _renderer(root: Storage, manifest: dict[str, Any]) -> Callable[[Any], str]:
    if manifest["kind"] == ARTICLES:
        return render_article
    if manifest["kind"] == EXAMPLES:
        with root.open(TOKENIZER) as stream:
            tokenizer = Tokenizer.load(stream.read())
        names = _entity_names(root, manifest["language"])
        return lambda example: render_example(example, tokenizer, names)
    return lambda row: json.dumps(row, ensure_ascii=False)


def _entity_names(root: Storage, language: str) -> list[str]:
    """For each entity id its QID, and its label in the language or any."""
    with open_file(root.path(VOCABULARY_PARQUET)) as stream:
        table = pq.read_table(stream, columns=["name", "labels"])
    names = []
    for name, labels in zip(table["name"].to_pylist(), table["labels"].to_pylist(), strict=True):
        texts = {label["language"]: label["label"] for label in labels}
        label = texts.get(language) or texts.get("en") or next(iter(texts.values()), "")
        names.append(f"{name} {label}".rstrip())
    return names


def render_article(article: LinkedArticle) -> str:
    """The article's text with each link as [anchor|QID], or [anchor|status]."""
    parts, offset = [], 0
    for link in article.links:
        target = link.status if link.qid is None else qid_name(link.qid)
        parts += [article.text[offset : link.start], f"[{article.text[link.start : link.end]}|{target}]"]
        offset = link.end
    qid = "no item" if article.qid is None else qid_name(article.qid)
    head = f"# {article.title} ({article.language}, page {article.page_id}, {qid}, {article.kind}, {article.split})"
    return f"{head}\n{''.join(parts)}{article.text[offset:]}"


def render_example(example: Example, tokenizer: Tokenizer, names: Sequence[str]) -> str:
    """The example's pieces, mentions in brackets with their entities."""
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
