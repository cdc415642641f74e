"""The graph of the audit: looks for remains of markup, compares links, and compares two parsers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
from apache_beam.pvalue import AsDict

from mlukit.corpus.audit.link_audit import LinkTally
from mlukit.corpus.audit.parser_tally import ParserTally
from mlukit.corpus.audit.residue_tally import ResidueTally
from mlukit.corpus.dumps.files import FileInfo
from mlukit.corpus.dumps.ranges import DumpRange
from mlukit.corpus.linking.hash_partitions import PARTS
from mlukit.engine.manifests import ranges_of, shards_of
from mlukit.engine.step_results import Results
from mlukit.engine.steps import Once, Step
from mlukit.engine.storage import Storage
from mlukit.engine.workplace import Workplace
from mlukit.schemas import layout
from mlukit.schemas.manifest import Shard
from mlukit.transforms.audit_links import (
    CollectLinks,
    CompareLinks,
    LinkTables,
    PagePart,
    PartitionPageLinks,
    ShardsToCompare,
)
from mlukit.transforms.audit_parsers import CompareParsers, PagesToCompare
from mlukit.transforms.audit_residue import AuditResidue, ShardsToAudit
from mlukit.transforms.reread_pages import ArticleShards

STEPS = ("residue", "seen", "pagelinks", "compare", "parsers")


@dataclass(frozen=True, slots=True)
class Compared:
    """The files with which the links of a language are compared."""

    ranges: tuple[DumpRange, ...]  # ranges of the dump; empty if the dump is missing
    namespaces: Mapping[int, str]  # names in the header of the dump
    tables: Mapping[str, FileInfo]  # pagelinks and linktarget, if they are there


@dataclass(frozen=True, slots=True)
class AuditGraph:
    """The graph of `mlukit audit`."""

    languages: tuple[str, ...]
    compared: Mapping[str, Compared]
    sample_shares: Mapping[str, float]  # of pages that a second parser reads, too; empty without a second parser

    def __call__(self, pipeline: beam.Pipeline, workplace: Workplace) -> list[beam.PCollection]:
        """Applies the transforms, and returns the outputs of the last ones."""
        articles = {code: _ranges(workplace.storage, code) for code in self.languages}
        shards = {code: _shards(articles[code], self.compared.get(code)) for code in self.languages}
        namespaces = {code: one.namespaces for code, one in self.compared.items()}
        last = [pipeline | "markup" >> LookForMarkup(workplace, shards, namespaces)]
        if self.compared:
            last.append(pipeline | "links" >> CheckLinks(workplace, shards, self.compared))
        if self.sample_shares:
            last.append(pipeline | "parsers" >> ReadTwice(workplace, shards, namespaces, self.sample_shares))
        return last


def _ranges(storage: Storage, language: str) -> list[tuple[Shard, ...]]:
    return ranges_of(shards_of(storage, layout.folder(layout.ARTICLES, language)))


def _shards(articles: Sequence[Sequence[Shard]], compared: Compared | None) -> list[ArticleShards]:
    """Groups the shards of a language by range of its dump; without a dump, each shard is a group."""
    paths = [layout.paths(files) for files in articles]
    if compared is None or not compared.ranges:
        sizes = map(layout.total_bytes, articles)
        return [ArticleShards(number, (paths[number],), size, None) for number, size in enumerate(sizes)]
    return [
        ArticleShards(part.shard, tuple(paths[part.shard : part.shard + part.shards]), part.end - part.start, part)
        for part in compared.ranges
    ]


class LookForMarkup(beam.PTransform):
    """Looks for remains of markup, and writes OUT/audit/residue.json."""

    def __init__(
        self,
        workplace: Workplace,
        shards: Mapping[str, Sequence[ArticleShards]],
        namespaces: Mapping[str, Mapping[int, str]],
    ) -> None:
        super().__init__()
        self._workplace, self._shards, self._namespaces = workplace, shards, namespaces

    def expand(self, begin: beam.pvalue.PBegin) -> beam.PCollection:
        """Applies the transforms to the pipeline."""
        work, title = self._workplace, "look for markup"
        plan, transforms = MarkupPlan(self._shards), [AuditResidue(work, self._namespaces)]
        found = begin | Step("audit", title, plan, transforms)
        write = WriteTallies(work.storage, tuple(self._shards), layout.AUDIT_RESIDUE, ResidueTally)
        return begin | Once(work, "write residue.json", write, [AsDict(found)])


@dataclass(frozen=True, slots=True)
class MarkupPlan:
    """Plans a task for each group of shards of a language."""

    shards: Mapping[str, Sequence[ArticleShards]]

    def __call__(self) -> list[ShardsToAudit]:
        """Returns the tasks."""
        pairs = ((language, some) for language, parts in self.shards.items() for some in parts)
        return [ShardsToAudit(language, some.first, some.size, some) for language, some in pairs]


class ReadTwice(beam.PTransform):
    """Reads a sample of the pages with mwparserfromhell, too, and writes OUT/audit/parsers.json."""

    def __init__(
        self,
        workplace: Workplace,
        shards: Mapping[str, Sequence[ArticleShards]],
        namespaces: Mapping[str, Mapping[int, str]],
        shares: Mapping[str, float],
    ) -> None:
        super().__init__()
        self._workplace, self._shards, self._namespaces, self._shares = workplace, shards, namespaces, shares

    def expand(self, begin: beam.pvalue.PBegin) -> beam.PCollection:
        """Applies the transforms to the pipeline."""
        work, plan = self._workplace, ParsersPlan(self._shards, self._shares)
        found = begin | Step("audit", "compare parsers", plan, [CompareParsers(work, self._namespaces)])
        write = WriteTallies(work.storage, tuple(self._shares), layout.AUDIT_PARSERS, ParserTally)
        return begin | Once(work, "write parsers.json", write, [AsDict(found)])


@dataclass(frozen=True, slots=True)
class ParsersPlan:
    """Plans a task for each range of a dump."""

    shards: Mapping[str, Sequence[ArticleShards]]
    shares: Mapping[str, float]

    def __call__(self) -> list[PagesToCompare]:
        """Returns the tasks."""
        return [
            PagesToCompare(language, some.first, some.size, some, share)
            for language, share in self.shares.items()
            for some in self.shards[language]
        ]


class CheckLinks(beam.PTransform):
    """Compares links with the wikitext and pagelinks, and writes OUT/audit/links.json."""

    def __init__(
        self, workplace: Workplace, shards: Mapping[str, Sequence[ArticleShards]], compared: Mapping[str, Compared]
    ) -> None:
        super().__init__()
        self._workplace, self._shards, self._compared = workplace, shards, compared

    def expand(self, begin: beam.pvalue.PBegin) -> beam.PCollection:
        """Applies the transforms to the pipeline."""
        work, plan = self._workplace, LinksPlan(self._shards, self._compared)
        namespaces = {code: one.namespaces for code, one in self._compared.items()}

        def step(title: str, *needs: beam.pvalue.AsSideInput, **more: Any) -> beam.PCollection:
            return begin | Step("audit", title, needs=needs, **more)

        seen = step("read links", plan=plan.collect, transforms=[CollectLinks(work, namespaces, plan.parts)])
        rows = step("read pagelinks", plan=plan.partition, transforms=[PartitionPageLinks(work, plan.parts)])
        compare = [CompareLinks(work).after(seen)]
        found = step("compare links", AsDict(seen), AsDict(rows), plan=plan.compare, transforms=compare)
        write = WriteTallies(work.storage, tuple(self._compared), layout.AUDIT_LINKS, LinkTally)
        return begin | Once(work, "write links.json", write, [AsDict(found)])


@dataclass(frozen=True, slots=True)
class LinksPlan:
    """Plans the tasks of each step, and the number of partitions by page of each language."""

    shards: Mapping[str, Sequence[ArticleShards]]
    compared: Mapping[str, Compared]

    @property
    def parts(self) -> dict[str, int]:
        """The number of partitions, by language."""
        numbers = {code: sum(len(some.files) for some in self.shards[code]) for code in self.compared}
        return {code: min(PARTS, max(1, number // 4)) for code, number in numbers.items()}

    def collect(self) -> list[ShardsToCompare]:
        """Plans a task for each group of shards of a language."""
        pairs = ((code, some) for code in self.compared for some in self.shards[code])
        return [ShardsToCompare(language, some.first, some.size, some) for language, some in pairs]

    def partition(self) -> list[LinkTables]:
        """Plans a task for each language that has pagelinks."""
        return [
            LinkTables(code, 0, file.size, file, found.tables.get("linktarget"))
            for code, found in self.compared.items()
            if (file := found.tables.get("pagelinks"))
        ]

    def compare(self, seen: Results, rows: Results) -> list[PagePart]:
        """Plans a task for each partition of each language."""
        tables = {code: results.shards[0].path for code, results in rows.items()}
        return [
            PagePart(code, part, len(seen[code].shards), tables.get(code, ""))
            for code, number in self.parts.items()
            for part in range(number)
        ]


@dataclass(frozen=True, slots=True)
class WriteTallies:
    """Adds up the tallies of the tasks by language, and writes the sums to one file."""

    storage: Storage
    languages: tuple[str, ...]
    path: str
    kind: type[ResidueTally] | type[LinkTally] | type[ParserTally]

    def __call__(self, found: Results) -> None:
        """Writes the file."""
        tallies: dict[str, Any] = {language: self.kind() for language in self.languages}
        for language, results in found.items():
            for shard in results.shards:
                tallies[language].add(self.kind.from_json(self.storage.read_json(shard.path)))
        self.storage.write_json(self.path, {language: tally.to_json() for language, tally in tallies.items()})
