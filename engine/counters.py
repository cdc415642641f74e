"""Beam counters, which a runner shows for a job, under the same names as in the manifests.

`pages in` is `pages out`, each `pages failed: REASON` and each `pages skipped: REASON` together, added up over the
transforms of a pipeline.
"""

from functools import cache
from typing import Any

from apache_beam.metrics import Metrics

from mlukit.schemas.manifest import Flow

NAMESPACE = "mlukit"

# What flows; a counter's name has one of these first.
PAGES, LINKS, LINKS_WITH_ITEM, ARTICLES = "pages", "links", "links with item", "articles"
SENTENCES, MENTIONS = "sentences", "mentions"

DAMAGE = "damage"  # of a dump, by reason
ARTICLES_WITH_ITEM, ARTICLES_WITHOUT_ITEM = "articles with item", "articles without item"
EXAMPLES = "examples"  # by split
WIKITEXT_BYTES = "wikitext bytes"  # a distribution: of a page that is parsed


def count(name: str, number: int = 1) -> None:
    """Adds to a counter, which a runner does not show as long as nothing was added."""
    if number:
        _counter(name).inc(number)


def count_flow(what: str, flow: Flow) -> None:
    """Adds what entered, what came out, and what did not, by reason."""
    count(f"{what} in", flow.entered)
    count(f"{what} out", flow.out)
    for way, reasons in (("failed", flow.failed), ("skipped", flow.skipped)):
        for reason, number in reasons.items():
            count(f"{what} {way}: {reason}", number)


def observe(name: str, value: int) -> None:
    """Adds a value to a distribution: its least, its greatest, their sum and number."""
    _distribution(name).update(value)


@cache
def _counter(name: str) -> Any:
    return Metrics.counter(NAMESPACE, name)


@cache
def _distribution(name: str) -> Any:
    return Metrics.distribution(NAMESPACE, name)
