"""Counters of Beam, which a runner shows for a job, with the same names as in the manifests.

`pages in` is the sum of `pages out`, every `pages failed: REASON` and every `pages skipped: REASON`, over all
transforms of a pipeline.
"""

from functools import cache
from typing import Any

from apache_beam.metrics import Metrics

from mlukit.schemas.manifest import Flow

NAMESPACE = "mlukit"

# The names of counters begin with one of these words.
PAGES, LINKS, LINKS_WITH_ITEM, ARTICLES = "pages", "links", "links with item", "articles"
SENTENCES, MENTIONS = "sentences", "mentions"

DAMAGE = "damage"  # damage of a dump, by reason
ARTICLES_WITH_ITEM, ARTICLES_WITHOUT_ITEM = "articles with item", "articles without item"
EXAMPLES = "examples"  # by split
WIKITEXT_BYTES = "wikitext bytes"  # a distribution: bytes of wikitext per parsed page


def count(name: str, number: int = 1) -> None:
    """Adds a number to a counter. A runner shows a counter only after the first addition."""
    if number:
        _counter(name).inc(number)


def count_flow(what: str, flow: Flow) -> None:
    """Adds the numbers of a flow to the counters: in, out, failed and skipped by reason."""
    count(f"{what} in", flow.entered)
    count(f"{what} out", flow.out)
    for way, reasons in (("failed", flow.failed), ("skipped", flow.skipped)):
        for reason, number in reasons.items():
            count(f"{what} {way}: {reason}", number)


def observe(name: str, value: int) -> None:
    """Adds a value to a distribution, of which Beam shows minimum, maximum, sum and number of values."""
    _distribution(name).update(value)


@cache
def _counter(name: str) -> Any:
    return Metrics.counter(NAMESPACE, name)


@cache
def _distribution(name: str) -> Any:
    return Metrics.distribution(NAMESPACE, name)
