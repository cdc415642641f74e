"""Articles for hypothesis, with what is hard to normalise, to cut and to split."""

from itertools import pairwise

from hypothesis import strategies as st

from mlukit.schemas.records import LinkedArticle, Mention, Section, Span

CHARACTERS = st.sampled_from(
    "aab e E ñ.?! ▁\t\u00a0\u3000\u200b\u200d\u0301\u3099\u064b\u0007ﬁ㍿´がハﾞ한ᄒ\u1161😀👩𠮷東京。กา।"
)
PARAGRAPH = st.text(CHARACTERS | st.characters(codec="utf-8", exclude_characters="\n"), max_size=60)


@st.composite
def articles(draw: st.DrawFn) -> LinkedArticle:
    text = "\n".join(draw(st.lists(PARAGRAPH, max_size=4)))
    places = sorted(draw(st.sets(st.integers(0, len(text)), max_size=10)))
    links = []
    for start, end in pairwise(places):
        anchor = text[start:end]
        if anchor.strip() and draw(st.booleans()):
            start, end = end - len(anchor.lstrip()), start + len(anchor.rstrip())
            qid = draw(st.none() | st.integers(1, 9))
            links.append(Mention(start, end, "en", "T", "T", qid, "resolved"))
    lines = text.split("\n")
    starts = [sum(len(line) + 1 for line in lines[:i]) for i in range(len(lines))]
    paragraphs = tuple(Span(start, start + len(line)) for start, line in zip(starts, lines, strict=True))
    headings = draw(st.sets(st.sampled_from(paragraphs), max_size=1))
    sections = tuple(Section(start, len(text), 2, text[start:end]) for start, end in headings)
    return LinkedArticle("en", 1, 1, "T", 5, "article", "train", text, paragraphs, sections, tuple(links))
