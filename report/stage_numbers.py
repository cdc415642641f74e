"""Exact numbers of an output folder, from the records of finished stages and of runs."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mlukit.pipelines.integrity import Records
from mlukit.schemas.damage import damaged_files
from mlukit.schemas.layout import ALL_LANGUAGES
from mlukit.schemas.manifest import Flow
from mlukit.schemas.records import KINDS, LINK_STATUSES
from mlukit.schemas.summaries import EntitySpread, MadeExamples, ParsedText, ResolvedArticles, summary_in

REASONS_SHOWN = 12


def languages_of(records: Records) -> list[str]:
    """The codes of the languages in finished stages, sorted."""
    return sorted({code for record in records.values() for code in record["languages"]} - {ALL_LANGUAGES})


def language_numbers(records: Records, code: str) -> dict[str, Any]:
    """The numbers of a language, with a part for each finished stage that has the language."""
    parts = {stage: record["languages"][code] for stage, record in records.items() if code in record["languages"]}
    failed = sum(flow.failed.total() for part in parts.values() for flow in _flows(part).values())
    numbers: dict[str, Any] = {"failed": failed}
    if "link" in parts:
        damaged = sum(file.language == code for file in damaged_files(records["link"]))
        numbers |= {**_linked(parts["link"]), "damaged_files": damaged}
    for part in parts.values():
        if "mentions" in part["counts"]:  # of the stage that writes the mention dictionaries
            numbers["anchor_item_pairs"] = part["counts"]["mentions"]
    if "examples" in parts:
        numbers["examples"] = _examples(parts["examples"])
    return numbers


def _flows(part: Mapping[str, Any]) -> dict[str, Flow]:
    return {name: Flow.from_json(flow) for name, flow in part["flows"].items()}


def _linked(part: Mapping[str, Any]) -> dict[str, Any]:
    flows, counts = _flows(part), part["counts"]
    text, articles = summary_in(part, ParsedText), summary_in(part, ResolvedArticles)
    links, items = flows["links"], flows["links with item"]
    statuses = {status: counts.get(f"links {status}", items.skipped[status]) for status in LINK_STATUSES}
    return {
        "pages": flows["pages"].entered,
        "articles": flows["pages"].out,
        "articles_with_item": articles.with_item,
        "kinds": {kind: n for kind in KINDS if (n := counts.get(f"articles of kind {kind}", 0))},
        "characters": articles.characters,
        "wikitext_bytes": text.wikitext_bytes,
        "xml_bytes": text.xml_bytes,
        "links_found": links.entered,
        "links": links.out,
        "links_with_item": items.out,
        "links_by_status": {status: number for status, number in statuses.items() if number},
    }


def _examples(part: Mapping[str, Any]) -> dict[str, int]:
    flows, made = _flows(part), summary_in(part, MadeExamples)
    return {
        "train": made.train,
        "validation": made.validation,
        "tokens": made.tokens,
        "sentences": flows["sentences"].out,
        "mentions": flows["mentions"].out,
    }


def sum_up(numbers: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Adds up the numbers of languages, also those in parts; a missing number counts as 0."""
    total: dict[str, Any] = {}
    for key in dict.fromkeys(key for one in numbers for key in one):
        values = [one[key] for one in numbers if key in one]
        total[key] = sum_up(values) if isinstance(values[0], Mapping) else sum(values)
    return total


def entity_spread(records: Records) -> dict[str, int]:
    """The number of entities by the number of languages that link to them, before any entity was dropped."""
    part = records["vocabulary"]["languages"][ALL_LANGUAGES]
    return {str(n): count for n, count in sorted(summary_in(part, EntitySpread).entities.items())}


def flow_numbers(records: Records) -> list[dict[str, Any]]:
    """What entered and left each stage in all languages, with the most frequent reasons."""
    flows: dict[tuple[str, str], Flow] = {}
    for stage, record in records.items():
        for part in record["languages"].values():
            for what, flow in _flows(part).items():
                flows.setdefault((stage, what), Flow()).add(flow)
    return [
        {
            "stage": stage,
            "what": what,
            "in": flow.entered,
            "out": flow.out,
            "failed": flow.failed.total(),
            "skipped": flow.skipped.total(),
            "reasons": _most_frequent(flow.failed + flow.skipped),
        }
        for (stage, what), flow in flows.items()
    ]


def _most_frequent(reasons: Counter[str]) -> dict[str, int]:
    """The reasons with the highest numbers; the others, and namespaces, are added up."""
    told = Counter[str]()
    for reason, number in reasons.items():
        told["other namespaces" if reason.startswith("namespace ") else reason] += number
    ordered = sorted(told.items(), key=lambda item: (-item[1], item[0]))
    rest = sum(number for _, number in ordered[REASONS_SHOWN:])
    return dict(ordered[:REASONS_SHOWN]) | ({"other reasons": rest} if rest else {})


def failure_numbers(records: Records) -> list[dict[str, Any]]:
    """The number of failures by stage and reason, the most frequent first, with the numbers of the languages."""
    found: dict[tuple[str, str], Counter[str]] = {}
    for stage, record in records.items():
        for code, part in record["languages"].items():
            for flow in _flows(part).values():
                for reason, number in flow.failed.items():
                    found.setdefault((stage, reason), Counter())[code] += number
    rows = [
        {"stage": stage, "reason": reason, "number": by_language.total(), "languages": dict(by_language)}
        for (stage, reason), by_language in found.items()
    ]
    return sorted(rows, key=lambda row: (-row["number"], row["stage"], row["reason"]))


def step_numbers(runs: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """Time, memory and speed of each step of all runs; the sum of a stage has the step "all"."""
    for run in runs:
        for step in [*run["steps"], {**run, "step": "all"}]:
            seconds = step["wall_seconds"]
            yield {
                "stage": run["stage"],
                "step": step["step"],
                "seconds": seconds,
                "bytes_read": step["bytes_read"],
                "megabytes_per_second": round(step["bytes_read"] / 1e6 / seconds, 2) if seconds else None,
                "peak_bytes": step["peak_bytes"],
            }
