"""The layout of an output folder. Paths are relative to the folder, with forward slashes.

    link.json vocabulary.json examples.json      the record of each finished stage
    run.json                                     facts that differ between two runs: times, hosts, duration of steps
    README.md                                    the dataset card, for people and for the Hugging Face Hub
    account.txt                                  for people: what went in, came out or was left out, and why
    articles/{language}/{split}-{number}.parquet       also .jsonl.gz; `split` is train or
                                                       validation; not every range has validation articles
    mentions/{language}/mentions-{number}.parquet      figures-{number}.parquet with link probabilities
    mentions/{language}/_dictionary.arrays       with link probabilities: the dictionary for programs that map files
    related/_related.arrays                      which entities are related, in all languages, with link probabilities
    vocabulary/vocabulary.parquet vocabulary.jsonl
    examples/{language}/{split}-{number}.parquet       also .tfrecord.gz and .jsonl.gz
    failures/{language}/{stage}-{number}.parquet       only if something failed
    tokenizer/sentencepiece.bpe.model
    index/{language}/                            the title index
    audit/residue.json links.json parsers.json   the results of `mlukit audit`
    report/index.html report.json                the page and the numbers of `mlukit report`
    _work/                                       files that are needed only until a stage is finished

Every folder of articles, mentions, related, vocabulary, examples and failures has a `_manifest.json`.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

from mlukit.schemas.manifest import MANIFEST, Shard
from mlukit.schemas.records import SPLITS, Split

FIGURES = "figures"  # the content of shards of mention dictionaries with link probabilities
ARRAYS = ".arrays"  # the ending of files of arrays
ALL_LANGUAGES = "all"  # stands for every language, in place of a language's code

# The folders of data, each of which has a manifest, by the stage that writes them.
ARTICLES, FAILURES, VOCABULARY, MENTIONS, EXAMPLES = "articles", "failures", "vocabulary", "mentions", "examples"
RELATED = "related"
STAGES = ("link", "vocabulary", "examples", "mentions")
STAGE_FOLDERS: Mapping[str, tuple[str, ...]] = {
    "link": (ARTICLES, FAILURES),
    "vocabulary": (VOCABULARY, MENTIONS),
    "examples": (EXAMPLES,),
    "mentions": (RELATED,),  # its other files are in the folders of mentions, and in their manifests
}

RUN_RECORD = "run.json"
ACCOUNT = "account.txt"
CARD = "README.md"
TITLE_INDEXES = "index"
TOKENIZER = "tokenizer/sentencepiece.bpe.model"  # the file name that Hugging Face's tokenizers look for
VOCABULARY_PARQUET = "vocabulary/vocabulary.parquet"
VOCABULARY_JSONL = "vocabulary/vocabulary.jsonl"
AUDIT_RESIDUE, AUDIT_LINKS, AUDIT_PARSERS = "audit/residue.json", "audit/links.json", "audit/parsers.json"
REPORT_PAGE, REPORT_NUMBERS = "report/index.html", "report/report.json"
RELATED_ENTITIES = f"{RELATED}/_related.arrays"
WIKIDATA_ANSWERS = "wikidata-answers.sqlite"  # of --wikidata-api, if no other file is named

WORK = "_work"
ASIDE = f"{WORK}/aside"  # files of running attempts, each under its own name, until they are published
LEASES = f"{WORK}/leases"
BOARDS = f"{WORK}/boards"  # messages between the launcher and the workers of runs on a cluster
AUDIT_PLAN = f"{WORK}/audit.plan.json"
VERIFY_REPORT = f"{WORK}/verify.json"  # the damage that `mlukit verify` found, until it is printed

_NUMBER = re.compile(r"-(\d+)\.[a-z.]+$")
P = TypeVar("P", Shard, str)


def stage_record(stage: str) -> str:
    """The record of a finished stage."""
    return f"{stage}.json"


def stage_plan(stage: str) -> str:
    """The plan of a stage that is not finished: its inputs and options."""
    return f"{WORK}/{stage}.plan.json"


def step_results(step: str) -> str:
    """The folder of the results of a step's tasks."""
    return f"{WORK}/results/{step}"


def task_result(task: str) -> str:
    """The result of a task, by its name, such as "parse/en/00003"."""
    return f"{WORK}/results/{task}.json"


def step_files(step: str) -> str:
    """The folder of files that a step writes only for later steps of its stage."""
    return f"{WORK}/{step}"


def folder(folder_type: str, language: str | None) -> str:
    """The folder of a type of data, of one language, or of all languages if `language` is None."""
    return folder_type if language is None else f"{folder_type}/{language}"


def manifest(of_folder: str) -> str:
    """The manifest of a folder of data."""
    return f"{of_folder}/{MANIFEST}"


def split_shard(folder_type: str, language: str, split: Split, number: int, ending: str) -> str:
    """A shard of articles or examples."""
    return f"{folder_type}/{language}/{split}-{number:05}.{ending}"


def mentions_shard(language: str, number: int) -> str:
    """A shard of a mention dictionary."""
    return f"{MENTIONS}/{language}/mentions-{number:05}.parquet"


def figures_shard(language: str, number: int) -> str:
    """A shard of a mention dictionary with figures about the places of anchors in texts."""
    return f"{MENTIONS}/{language}/figures-{number:05}.parquet"


def mention_dictionary(language: str) -> str:
    """The mention dictionary of a language as one file for programs that map files into memory."""
    return f"{MENTIONS}/{language}/_dictionary.arrays"


def failures_shard(language: str, stage: str, number: int) -> str:
    """The failures of a stage's task."""
    return f"{FAILURES}/{language}/{stage}-{number:05}.parquet"


def title_index(language: str) -> str:
    """The folder of a language's title index."""
    return f"{TITLE_INDEXES}/{language}"


def parsed_articles(language: str, number: int) -> str:
    """Articles of a range of a dump, before their links are resolved."""
    return f"{WORK}/parse/{language}/articles-{number:05}.parquet"


def page_titles(language: str, number: int) -> str:
    """Titles of the pages of a range of a dump, redirects included."""
    return f"{WORK}/parse/{language}/titles-{number:05}.parquet"


def items(source: str, language: str, number: int) -> str:
    """A part of the titles and items of a language, from one source of items."""
    return f"{WORK}/items/{source}/{language}-{number:05}.parquet"


def item_labels(source: str, language: str, number: int) -> str:
    """A part of the items' labels in a language, from one source of items."""
    return f"{WORK}/items/{source}/labels-{language}-{number:05}.parquet"


def entity_counts(language: str, number: int) -> str:
    """How often a shard's articles link to each item."""
    return f"{WORK}/count/{language}/entities-{number:05}.parquet"


def anchor_counts(language: str, number: int) -> str:
    """How often each anchor of a shard's articles denotes each item."""
    return f"{WORK}/count/{language}/mentions-{number:05}.parquet"


def merged_entities(part: int) -> str:
    """The entities of one hash part, counted over all languages."""
    return f"{WORK}/merge/entities-{part:05}.parquet"


def anchor_entries(language: str, number: int) -> str:
    """The hashes of the anchors in a shard of a mention dictionary, and of the beginnings of these anchors."""
    return f"{WORK}/anchors/{language}/entries-{number:05}.parquet"


def match_table(language: str) -> str:
    """The table of all anchors of a language."""
    return f"{WORK}/tables/{language}/anchors.arrays"


def anchor_figures(language: str, number: int) -> str:
    """How often each anchor stands in a shard's articles."""
    return f"{WORK}/detect/{language}/figures-{number:05}.parquet"


def entity_pairs(language: str, number: int) -> str:
    """How often entities are linked near each other in a shard's articles, a row group for each part."""
    return f"{WORK}/pairs/{language}/pairs-{number:05}.parquet"


def merged_pairs(part: int) -> str:
    """The pairs of entities of one hash part, counted over all languages."""
    return f"{WORK}/neighbours/pairs-{part:05}.parquet"


def residue_tally(language: str, number: int) -> str:
    """The remains of markup in some shards of articles."""
    return f"{WORK}/residue/{language}/{number:05}.json"


def parser_tally(language: str, number: int) -> str:
    """The differences between two parsers on pages of some shards."""
    return f"{WORK}/parsers/{language}/{number:05}.json"


def seen_links(language: str, number: int) -> str:
    """The links of a shard's articles and of their wikitext, a row group for each part."""
    return f"{WORK}/seen/{language}/{number:05}.parquet"


def page_links(language: str) -> str:
    """The rows of pagelinks, a row group for each part."""
    return f"{WORK}/pagelinks/{language}/links.parquet"


def link_comparison(language: str, part: int) -> str:
    """The result of the comparison of one part of the links."""
    return f"{WORK}/compare/{language}/{part:05}.json"


def checked_sources() -> str:
    """The sizes and checksums of the files that the link stage reads, recorded when the work on them began."""
    return f"{WORK}/checksum/sources.json"


def content_of(path: str) -> str:
    """The content of a file, by its name: "titles" for titles-00003.parquet."""
    return path.rpartition("/")[2].rpartition("-")[0]


def is_shard(path: str) -> bool:
    """Whether a file has the name of a shard that mlukit writes."""
    return path.endswith(ARRAYS) or (
        _NUMBER.search(path) is not None and content_of(path) in (*SPLITS, *STAGES, MENTIONS, FIGURES)
    )


def split_of(path: str) -> Split | None:
    """The split that a file of articles or examples holds; None for other files."""
    name = path.rpartition("/")[2]
    return next((split for split in SPLITS if name.startswith(f"{split}-")), None)


def by_number(shards: Iterable[P]) -> list[tuple[P, ...]]:
    """The files of each range of a dump: its train and validation files, in the order of ranges and of `SPLITS`.

    Raises:
        ValueError: a file has no number.
    """
    numbered: dict[int, list[P]] = {}
    for shard in shards:
        path = shard if isinstance(shard, str) else shard.path
        number = _NUMBER.search(path)
        if number is None:
            raise ValueError(f"{path} has no shard number in its name; accepted: names such as train-00003.parquet")
        numbered.setdefault(int(number[1]), []).append(shard)
    return [tuple(sorted(numbered[n], key=_split_order)) for n in sorted(numbered)]


def _split_order(shard: Shard | str) -> tuple[int, str]:
    """The key that sorts the files of a range in the order of SPLITS."""
    path = shard if isinstance(shard, str) else shard.path
    split = split_of(path)
    return (SPLITS.index(split) if split else len(SPLITS)), path


def total_bytes(shards: Iterable[Shard]) -> int:
    """The sum of the sizes of shards."""
    return sum(shard.bytes for shard in shards)


def paths(shards: Sequence[Shard]) -> tuple[str, ...]:
    """The paths of shards."""
    return tuple(shard.path for shard in shards)
