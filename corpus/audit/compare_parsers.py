"""Where mwparserfromhell and our extractor read a page differently, and which of MediaWiki's rules explains it.

The rules are applied one after the other; a difference that is gone after one of them has its name. One that is left
after all of them is unexplained: one of the two is wrong there.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Literal, TypeAlias

from mlukit.corpus.audit.mediawiki_rules import (
    BRACKET,
    EMPTY_ANCHOR,
    ENTITY,
    RULES,
    SELF_LINK,
    TEMPLATE_TEXT,
    TRAIL,
    Reading,
)
from mlukit.corpus.audit.second_parser import BREAK, GAP, UNREAD, TheirLink, TheirPage, fold, read_page
from mlukit.corpus.languages.language import Language
from mlukit.corpus.titles.normalise import decode_entities
from mlukit.corpus.wikitext import ParsedText, parse_wikitext

UNEXPLAINED = "unexplained"

Kind: TypeAlias = Literal["link", "heading", "label", "paragraph"]
Side: TypeAlias = Literal["theirs", "ours"]  # mwparserfromhell, mlukit
Fact: TypeAlias = tuple[Kind, str, str]  # link: target, anchor; heading: level, text; label and paragraph: "", text

_LONGEST_PREFIX = 64  # characters


@dataclass(frozen=True, slots=True)
class Difference:
    """What one of the two has and the other has not."""

    name: str  # of the rule, or UNEXPLAINED
    side: Side
    fact: Fact


def compare(wikitext: str, title: str, language: Language) -> tuple[Counter[Kind], list[Difference]]:
    """How many facts of each kind mwparserfromhell has of a page, and every difference with its name.

    Compared are links of running text to articles (target and anchor), headings, labels of external links, and
    paragraphs without templates: those that mwparserfromhell has, whether we have the same.
    """
    reading = Reading(wikitext, title, language)
    theirs, ours = read_page(wikitext, language), _our_page(reading)
    counts = Counter(kind for kind, _, _ in _their_facts(theirs, reading).elements())
    now = left = _differ(theirs, ours, reading)
    found: list[Difference] = []
    for rule in RULES:
        if not now:
            break
        before, reading = reading, rule.apply(reading)
        if reading.wikitext != before.wikitext:
            theirs = read_page(reading.wikitext, language)
        if rule.name == TEMPLATE_TEXT:
            ours = _our_page(reading)
        now = _differ(theirs, ours, reading)
        found += (Difference(rule.name, side, fact) for side, fact in (left - now).elements())
        left &= now
    found += (Difference(UNEXPLAINED, side, fact) for side, fact in now.elements())
    return counts, found


def number_of(differences: list[Difference]) -> Counter[str]:
    """How many differences of a page each rule explains: a link with another target or anchor is one, not two."""
    sides = Counter((difference.name, difference.fact[0], difference.side) for difference in differences)
    numbers: Counter[str] = Counter()
    for name, kind in {(name, kind) for name, kind, _ in sides}:
        numbers[name] += max(sides[name, kind, "theirs"], sides[name, kind, "ours"])
    return numbers


def _differ(theirs: TheirPage, ours: ParsedText, reading: Reading) -> Counter[tuple[Side, Fact]]:
    their_facts, our_facts = _their_facts(theirs, reading), _our_facts(ours)
    only: Counter[tuple[Side, Fact]] = Counter()
    for fact, count in (their_facts - our_facts).items():
        if fact[0] != "label" or fact[2] not in ours.text:
            only["theirs", fact] = count
    for fact, count in (our_facts - their_facts).items():
        if fact[0] != "paragraph":  # mwparserfromhell has only some of them
            only["ours", fact] = count
    return only


def _our_page(reading: Reading) -> ParsedText:
    """Our reading of the page; after TEMPLATE_TEXT, without what templates show."""
    shown = TEMPLATE_TEXT not in reading.rules
    return parse_wikitext(reading.wikitext, reading.title, reading.language, show_templates=shown)


def _our_facts(page: ParsedText) -> Counter[Fact]:
    facts: Counter[Fact] = Counter()
    for link in page.links:
        facts["link", f"{link.language}:{link.target}", page.text[link.start : link.end]] += 1
    for section in page.sections:
        facts["heading", str(section.level), section.heading] += 1
    for start, end in page.paragraphs:
        facts["paragraph", "", page.text[start:end]] += 1
    return facts


def _their_facts(page: TheirPage, reading: Reading) -> Counter[Fact]:
    facts: Counter[Fact] = Counter(_links(page, reading))
    for level, heading in page.headings:
        if shown := _shown(heading):
            facts["heading", str(level), shown] += 1
    for label in page.labels:
        if GAP not in label and (shown := _shown(label)):
            facts["label", "", shown] += 1
    for paragraph in page.paragraphs():
        if shown := fold(_decoded(paragraph, reading)):
            facts["paragraph", "", shown] += 1
    return facts


def _links(page: TheirPage, reading: Reading) -> Iterator[Fact]:
    """The links of running text to articles, after the reading's rules."""
    end = 0
    for link in page.links:
        anchor, end = _anchor(link, end, page, reading)
        title = link.title
        if link.place != "text" or title is None or title.language is None or title.namespace or not title.title:
            continue
        is_self_link = (
            title.language == reading.language.code and title.title == reading.title and title.fragment is None
        )
        if is_self_link and SELF_LINK in reading.rules:
            continue
        if anchor or EMPTY_ANCHOR not in reading.rules:
            yield "link", f"{title.language}:{title.title}", anchor


def _anchor(link: TheirLink, since: int, page: TheirPage, reading: Reading) -> tuple[str, int]:
    """What a link shows, and where that ends; `since` is where the one before it ended."""
    anchor, end = _decoded(page.text[link.start : link.end], reading), link.end
    if BRACKET in reading.rules and anchor.count("[") > anchor.count("]") and page.text.startswith("]", end):
        anchor, end = anchor + "]", end + 1
    if TRAIL in reading.rules:
        prefix, trail = _affixes(reading.language)
        first = link.start - 1  # STOP stands before a link
        if prefix and (before := prefix.search(page.text, max(since, first - _LONGEST_PREFIX), first)):
            anchor = before[0] + anchor
        if trail and (after := trail.match(page.text, end)):
            anchor, end = anchor + after[0], after.end()
    return _shown(anchor), max(since, end)


@cache
def _affixes(language: Language) -> tuple[re.Pattern[str] | None, re.Pattern[str] | None]:
    """(prefix, trail) that belong to an anchor."""
    prefix = re.compile(f"(?:{language.link_prefix})$") if language.link_prefix else None
    return prefix, re.compile(language.link_trail) if language.link_trail else None


def _decoded(text: str, reading: Reading) -> str:
    """After ENTITY, `text` with the entities decoded that mwparserfromhell leaves in targets."""
    if ENTITY not in reading.rules:
        return text
    return re.sub(f"{UNREAD}[^&;]+;", lambda entity: decode_entities("&" + entity[0][1:]), text)


def _shown(text: str) -> str:
    return fold(text.replace(GAP, "").replace(BREAK, " "))
