"""The links of a page's wikitext and their places, found without parsing; the audit compares extracted links with them.

The scan of `corpus.audit.bracket_scan` finds the pairs of brackets and tags that keep a link out of the running text.
"""

import re
from collections.abc import Iterator

from mlukit.corpus.audit.bracket_scan import PLACES, Place, pair_edges, read_tokens
from mlukit.corpus.languages.language import Language
from mlukit.corpus.titles.normalise import normalise_title

_TARGET = re.compile(r"[^\[\]|{}\n]+")
_FILE = 6


def written_links(text: str, language: Language) -> dict[str, Place]:
    """The articles of the same wiki that a page's wikitext links to, each with the best place of such a link.

    Time is linear in the text's length.
    """
    found: dict[str, Place] = {}
    for title, place in _links(text, language):
        known = found.get(title)
        if known is None or PLACES.index(place) < PLACES.index(known):
            found[title] = place
    return found


def _links(text: str, language: Language) -> Iterator[tuple[str, Place]]:
    """(title, place) of each link to an article of the same wiki."""
    tokens = read_tokens(text)
    depth: dict[Place, int] = dict.fromkeys(PLACES, 0)
    edges = pair_edges(tokens)
    pictures: list[bool] = []  # for each open bracket: whether it opens a picture
    for number, token in enumerate(tokens):
        place, step = edges.get(number, ("text", 0))
        depth[place] += step
        if token.role == "end" and pictures:
            depth["picture"] -= pictures.pop()
        if token.role != "link":
            continue
        target = _TARGET.match(text, token.end)
        title = normalise_title(target[0], language) if target else None
        inside = title is not None and title.language == language.code
        is_picture = inside and title is not None and title.namespace == _FILE and not title.leading_colon
        if inside and title is not None and title.namespace == 0 and title.title:
            yield title.title, _place(depth)
        pictures.append(is_picture)
        depth["picture"] += is_picture


def _place(depth: dict[Place, int]) -> Place:
    """The first place after "text" in PLACES that is open; "text" if no place is open."""
    return next((place for place in PLACES[1:] if depth[place] > 0), "text")
