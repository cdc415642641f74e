"""Gathers the numbers of a report, and the texts to show, from an output folder."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlukit.corpus.audit.link_audit import MISSED, WRONG, LinkTally
from mlukit.corpus.audit.residue_tally import ResidueTally
from mlukit.corpus.examples.tokenizer import Tokenizer
from mlukit.engine.storage import Storage
from mlukit.pipelines.damage import describe
from mlukit.pipelines.integrity import Records, read_records
from mlukit.pipelines.stage import check_formats
from mlukit.report import stage_numbers
from mlukit.report.anchor_sample import sample_anchors
from mlukit.report.article_sample import ArticleNumbers, article_paragraphs, sample_articles
from mlukit.report.example_sample import BINS, ExampleNumbers, bin_width, example_parts, sample_examples
from mlukit.report.failure_sample import failure_examples
from mlukit.report.row_sample import GROUPS, FolderSample, RandomRows, finished_folder
from mlukit.report.shown_text import Paragraph
from mlukit.report.vocabulary_numbers import LANGUAGES_SHOWN, VocabularyNumbers, read_vocabulary
from mlukit.schemas import layout
from mlukit.schemas.arrow import ARTICLES, EXAMPLES
from mlukit.schemas.damage import damaged_files

MOST_TEXTS = 600  # articles, and examples, that are kept in memory
ANCHORS_SHOWN = 40
FAILURES_SHOWN = 100
_FEW_GROUPS = 2  # row groups of a dictionary or of failures


@dataclass(frozen=True, slots=True)
class Request:
    """What the user asks for."""

    seed: int = 0
    samples: int = 3  # articles, and examples, of each language
    complete: bool = False

    @property
    def groups(self) -> int | None:
        """The number of row groups to read from a folder; None for all."""
        return None if self.complete else GROUPS


@dataclass(frozen=True, slots=True)
class ShownText:
    """An article or an example that the page shows."""

    kind: str  # "article" or "example"
    language: str
    page_id: int
    facts: Mapping[str, Any]  # title, qid, … of an article; index, split, tokens of an example
    paragraphs: Sequence[Paragraph]
    is_cut: bool = False  # whether the article goes on


@dataclass(slots=True)
class _Samples:
    """What was read of a language."""

    articles: ArticleNumbers | None = None
    examples: ExampleNumbers | None = None
    article_rows: Sequence[Mapping[str, Any]] = ()
    example_rows: Sequence[Mapping[str, Any]] = ()

    def to_json(self) -> dict[str, Any]:
        return {
            **(self.articles.to_json() if self.articles else {}),
            **(self.examples.to_json() if self.examples else {}),
        }


def gather(storage: Storage, asked: Request) -> tuple[dict[str, Any], list[ShownText]]:
    """Reads an output folder.

    Returns:
        The value of report.json, and the texts to show: first one of each language, then a second one of each.

    Raises:
        RunError: a file is damaged.
        RefusedError: another version of mlukit wrote the folder.
    """
    records, problems = read_records(storage)
    for stage, record in records.items():
        check_formats(storage, layout.stage_record(stage), record)
    languages = stage_numbers.languages_of(records)
    numbers = {code: stage_numbers.language_numbers(records, code) for code in languages}
    samples = {code: _read_samples(storage, records, code, asked, len(languages)) for code in languages}
    by_links = sorted(languages, key=lambda code: (-numbers[code].get("links", 0), code))
    vocabulary = _vocabulary(storage, records, by_links, samples, asked)
    total = stage_numbers.sum_up(list(numbers.values()))
    damaged = damaged_files(records["link"]) if "link" in records else []
    value: dict[str, Any] = {
        "sample": {"seed": asked.seed, "complete": asked.complete, "row_groups_of_a_folder": asked.groups},
        "stages": {stage: "finished" if stage in records else "not finished" for stage in layout.STAGES},
        "problems": [str(problem) for problem in problems],
        "damage": [{**file.to_json(), "text": describe(file)} for file in damaged],
        "total": {**total, **_total_of_samples(numbers, samples)},
        "languages": {code: {**numbers[code], **samples[code].to_json()} for code in languages},
        "bin_tokens": _bin_tokens(records),
        "entities": _entities(records, vocabulary),
        "anchors": _anchors(storage, records, languages, asked),
        "flows": stage_numbers.flow_numbers(records),
        "failures": _failures(storage, records, asked),
        "steps": list(stage_numbers.step_numbers(storage.read_json(layout.RUN_RECORD)["runs"])),
        "audit": _audit(storage),
    }
    value["sample"]["everything_was_read"] = _is_all(value)
    return value, _texts(storage, by_links, samples, vocabulary)


def _is_all(value: Mapping[str, Any]) -> bool:
    """Whether nothing of what the numbers come from was left out by sampling."""
    total, entities, examples = value["total"], value["entities"] or {}, value["total"].get("examples", {})
    pairs = sum(one["pairs_read"] for one in value["anchors"]["languages"].values())
    return (
        total.get("articles_read") == total.get("articles")
        and total.get("examples_read", 0) == examples.get("train", 0) + examples.get("validation", 0)
        and entities.get("entities_read") == entities.get("entities")
        and pairs == total.get("anchor_item_pairs", 0)
    )


def _bin_tokens(records: Records) -> int:
    return bin_width(records["examples"]["options"]["max_tokens"]) if "examples" in records else 0


def _read_samples(storage: Storage, records: Records, code: str, asked: Request, languages: int) -> _Samples:
    """Reads articles and examples of a language."""
    samples, kept = _Samples(), min(asked.samples, max(MOST_TEXTS // languages, 1))
    if folder := finished_folder(storage, records.get("link"), layout.ARTICLES, code):
        chosen = RandomRows(kept, f"{asked.seed} {folder}")
        sample = FolderSample(storage, folder, asked.seed, asked.groups, ARTICLES)
        samples.articles, samples.article_rows = sample_articles(sample, chosen), chosen.rows
    if folder := finished_folder(storage, records.get("examples"), layout.EXAMPLES, code):
        chosen = RandomRows(kept, f"{asked.seed} {folder}")
        sample = FolderSample(storage, folder, asked.seed, asked.groups, EXAMPLES)
        samples.examples, samples.example_rows = sample_examples(sample, chosen, _bin_tokens(records)), chosen.rows
    return samples


def _total_of_samples(numbers: Mapping[str, Any], samples: Mapping[str, _Samples]) -> dict[str, Any]:
    """Estimates for all languages: what was read of a language stands for all rows of the language."""
    total: dict[str, Any] = {}
    if articles := [(numbers[code]["characters"], one.articles) for code, one in samples.items() if one.articles]:
        linked = sum(n * one.linked_characters / max(one.characters, 1) for n, one in articles)
        total["text_share_in_mentions"] = round(linked / max(sum(n for n, _ in articles), 1), 6)
        total |= {"articles_read": sum(one.read for _, one in articles)}
        if sources := sum((one.sources for _, one in articles), Counter[str]()):
            total["links_by_source"] = dict(sorted(sources.items()))
    if examples := [one.examples for one in samples.values() if one.examples]:
        lengths = sum((one.lengths * (one.rows / max(one.read, 1)) for one in examples), np.zeros(BINS))
        total["examples_read"] = sum(one.read for one in examples)
        total["examples_by_length"] = np.rint(lengths).astype(int).tolist()
    return total


def _vocabulary(
    storage: Storage, records: Records, by_links: Sequence[str], samples: Mapping[str, _Samples], asked: Request
) -> VocabularyNumbers | None:
    """The vocabulary, with the labels of the entities in the texts; None if the stage is not finished."""
    if "vocabulary" not in records:
        return None
    ids = {entity for one in samples.values() for row in one.example_rows for entity in row["entity_ids"]}
    rows = (row for one in samples.values() for row in one.article_rows)
    qids = {link["qid"] for row in rows for link in row["links"] if link["qid"]}
    shown = sorted(by_links[:LANGUAGES_SHOWN])
    return read_vocabulary(storage, shown, ids, qids, complete=asked.complete)


def _entities(records: Records, vocabulary: VocabularyNumbers | None) -> dict[str, Any] | None:
    if vocabulary is None:
        return None
    return {**vocabulary.to_json(), "by_number_of_languages": stage_numbers.entity_spread(records)}


def _anchors(storage: Storage, records: Records, languages: Sequence[str], asked: Request) -> dict[str, Any]:
    """The anchors of each language, and the most linked ones of all, as far as they were read."""
    read: dict[str, Any] = {}
    shown: list[dict[str, Any]] = []
    for code in languages:
        for record in records.values():  # the stage that has the folder
            if folder := finished_folder(storage, record, layout.MENTIONS, code):
                few = None if asked.complete else _FEW_GROUPS
                one = sample_anchors(FolderSample(storage, folder, asked.seed, few), code)
                shown += one.pop("most_linked")
                read[code] = one
    shown.sort(key=lambda row: (-row["linked"], row["language"], row["anchor"], row["qid"]))
    return {"languages": read, "most_linked": shown[:ANCHORS_SHOWN]}


def _failures(storage: Storage, records: Records, asked: Request) -> list[dict[str, Any]]:
    """The most frequent failures, each with an example if the sample has one."""
    rows = stage_numbers.failure_numbers(records)[:FAILURES_SHOWN]
    wanted = {(row["stage"], row["reason"]) for row in rows}
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for code in sorted({code for row in rows for code in row["languages"]}):
        folder = finished_folder(storage, records.get("link"), layout.FAILURES, code)
        if folder and (missing := wanted - found.keys()):
            few = None if asked.complete else _FEW_GROUPS
            found |= failure_examples(FolderSample(storage, folder, asked.seed, few), code, missing)
    return [{**row, "example": found.get((row["stage"], row["reason"]))} for row in rows]


def _audit(storage: Storage) -> dict[str, Any]:
    """The results of `mlukit audit`, as far as the audit was run."""
    audit: dict[str, Any] = {}
    if storage.exists(layout.AUDIT_RESIDUE):
        audit["residue"] = {code: _residue(value) for code, value in storage.read_json(layout.AUDIT_RESIDUE).items()}
    if storage.exists(layout.AUDIT_LINKS):
        audit["links"] = {code: _links(value) for code, value in storage.read_json(layout.AUDIT_LINKS).items()}
    return audit


def _residue(value: Mapping[str, Any]) -> dict[str, Any]:
    tally = ResidueTally.from_json(value)
    sides = {side: round(tally.per_thousand(side=side), 3) for side in tally.sides}
    return {"pages": tally.pages, "paragraphs": tally.paragraphs, "per_thousand_paragraphs": sides}


def _links(value: Mapping[str, Any]) -> dict[str, Any]:
    tally = LinkTally.from_json(value)
    wrong, missed = (sum(tally.counts[name] for name in names) for names in (WRONG, MISSED))
    shares = {"precision": tally.precision, "recall": tally.recall}
    return {"pages": tally.counts["pages"], "right": tally.counts["right"], "wrong": wrong, "missed": missed, **shares}


def _texts(
    storage: Storage, languages: Sequence[str], samples: Mapping[str, _Samples], vocabulary: VocabularyNumbers | None
) -> list[ShownText]:
    """The texts to show."""
    labels, names = (vocabulary.labels, vocabulary.names) if vocabulary else ({}, {})
    rounds: list[tuple[int, int, ShownText]] = []
    tokenizer = None
    for place, code in enumerate(languages):
        for number, row in enumerate(samples[code].article_rows):
            paragraphs, is_cut = article_paragraphs(row, labels)
            facts = {name: row[name] for name in ("title", "qid", "kind", "split")}
            rounds.append((number, place, ShownText("article", code, row["page_id"], facts, paragraphs, is_cut)))
        for number, row in enumerate(samples[code].example_rows):
            if tokenizer is None:
                with storage.open(layout.TOKENIZER) as stream:
                    tokenizer = Tokenizer.load(stream.read())
            facts = {"index": row["index"], "split": row["split"], "tokens": len(row["token_ids"])}
            paragraphs = [Paragraph(0, example_parts(row, tokenizer, names, labels))]
            rounds.append((number, place, ShownText("example", code, row["page_id"], facts, paragraphs)))
    return [text for _, _, text in sorted(rounds, key=lambda one: one[:2])]
