"""Looks up what an article's links denote."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

from corpus.splits import VALIDATION_SHARE, split_of
from corpus.title_index import Alternatives, Found, TitleIndex
from schemas.records import Article, LinkedArticle, Mention

BATCH_ARTICLES = 256  # some 10,000 links: enough for the index to be at its best

_Answers: TypeAlias = dict[str, dict[str, Found]]  # language -> title -> what is known
_UNKNOWN_WIKI = Found(None, None, "unknown_wiki", False)
_NOT_LOOKED_UP: dict[str, Found] = {}


def resolve_article(
    article: Article, indexes: Mapping[str, TitleIndex], validation_share: float = VALIDATION_SHARE
) -> LinkedArticle:
    """One article as `resolve_articles` gives it."""
    return resolve_articles([article], indexes, validation_share)[0]


def resolve_articles(
    articles: Sequence[Article],
    indexes: Mapping[str, TitleIndex],
    validation_share: float = VALIDATION_SHARE,
    alternatives: Mapping[str, Alternatives] | None = None,
) -> list[LinkedArticle]:
    """Gives articles and their links the items that the indexes know; best for BATCH_ARTICLES at a time.

    An article that page_props calls a disambiguation page becomes one. Links into a Wikipedia without an index are
    `unknown_wiki`.

    Args:
        indexes: by language.
        validation_share: see `corpus.splits.split_of`.
        alternatives: language -> other forms of a title, tried where it is red.
    """
    answers = _look_up(articles, indexes, alternatives or {})
    return [_resolve(article, answers, validation_share) for article in articles]


def _look_up(
    articles: Iterable[Article], indexes: Mapping[str, TitleIndex], alternatives: Mapping[str, Alternatives]
) -> _Answers:
    """What is known of every title that the articles name, their own included; each is asked for once."""
    wanted: dict[str, dict[str, None]] = {language: {} for language in indexes}
    for article in articles:
        wanted.get(article.language, {})[article.title] = None
        for link in article.links:
            if link.language in wanted:
                wanted[link.language][link.target] = None
    return {
        language: dict(zip(titles, indexes[language].find(list(titles), alternatives.get(language)), strict=True))
        for language, titles in wanted.items()
    }


def _resolve(article: Article, answers: _Answers, validation_share: float) -> LinkedArticle:
    own = answers.get(article.language, _NOT_LOOKED_UP).get(article.title, _UNKNOWN_WIKI)
    qid = own.qid if own.status == "resolved" else None  # redirect.sql may call an article a redirect
    return LinkedArticle(
        language=article.language,
        page_id=article.page_id,
        revision_id=article.revision_id,
        title=article.title,
        qid=qid,
        kind="disambiguation" if own.disambiguation else article.kind,
        split=split_of(article.language, article.page_id, qid, validation_share),
        text=article.text,
        paragraphs=article.paragraphs,
        sections=article.sections,
        links=_mentions(article, answers),
    )


def _mentions(article: Article, answers: _Answers) -> tuple[Mention, ...]:
    mentions = []
    for link in article.links:
        found = answers.get(link.language, _NOT_LOOKED_UP).get(link.target, _UNKNOWN_WIKI)
        mentions.append(Mention(link.start, link.end, link.language, link.target, found.page, found.qid, found.status))
    return tuple(mentions)
