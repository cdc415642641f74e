"""Training examples of an article: its sentences packed to at most 512 tokens, with the entities linked to in them.

As mLUKE makes them (Ri, Yamada, Tsuruoka, 2022; luke/pretraining/dataset.py of studio-ousia/luke), but nothing is lost
on the way: a sentence goes on where a mention runs over its end, and one that is too long is cut and not dropped.
What is left out has a reason and is counted. `ExampleOptions.mluke_exact` makes them as the reference does.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from corpus.encode_sentences import EntityMention, Flows, Sentence, encode_sentences, merge_sentences, with_mentions
from corpus.example_options import EntityIds, ExampleOptions
from corpus.mluke_exact import ABBREVIATION_LANGUAGES, mluke_sentences
from corpus.sentences import SentenceSplitter
from corpus.tokenizer import BOS_ID, EOS_ID, Tokenizer
from corpus.vocabulary import UNKNOWN_ID
from schemas.manifest import Flow
from schemas.records import ArticleText, Example, LinkedArticle


@dataclass(frozen=True, slots=True)
class ExampleBatch:
    """The examples of an article, and where its sentences and links went."""

    examples: tuple[Example, ...]
    sentences: Flow  # entered: as they were split, those of headings and the parts of long ones included
    mentions: Flow  # entered: the article's links


def sentence_splitter(language: str, options: ExampleOptions) -> SentenceSplitter:
    """The splitter that `make_examples` takes for a language's articles."""
    if options.mluke_exact:
        return SentenceSplitter(language, abbreviations=language in ABBREVIATION_LANGUAGES, corrections=False)
    return SentenceSplitter(language)


def make_examples(
    article: ArticleText | LinkedArticle,
    splitter: SentenceSplitter,
    tokenizer: Tokenizer,
    entity_ids: EntityIds,
    options: ExampleOptions,
) -> ExampleBatch:
    """Makes the examples of an article.

    Args:
        splitter: see `sentence_splitter`.
        entity_ids: entity ids of QIDs, -1 for those that the vocabulary has not: `EntityVocabulary.ids_of`.
    """
    if isinstance(article, LinkedArticle):
        article = ArticleText.of(article)
    flows = Flows()
    headings = _Headings(article)
    mentions = _choose_mentions(article, headings, entity_ids, options, flows)
    encode = _mluke_sentences if options.mluke_exact else _sentences
    sentences = encode(article, headings, mentions, splitter, tokenizer, options, flows)
    examples = tuple(_examples(article, _long_enough(sentences, options, flows), options, flows))
    flows.sentences.out = sum(len(example.sentence_starts) for example in examples)
    flows.mentions.out = sum(len(example.entity_ids) for example in examples)
    return ExampleBatch(examples, flows.sentences, flows.mentions)


class _Headings:
    """Tells what lies in a heading."""

    def __init__(self, article: ArticleText) -> None:
        spans = sorted((start, start + len(heading)) for start, heading in article.sections)
        self._starts = [start for start, _ in spans]
        self._ends = [end for _, end in spans]

    def __contains__(self, place: int) -> bool:
        before = bisect_right(self._starts, place)
        return before > 0 and place < self._ends[before - 1]


def _choose_mentions(
    article: ArticleText, headings: _Headings, entity_ids: EntityIds, options: ExampleOptions, flows: Flows
) -> list[EntityMention]:
    """The links that are to be mentions, so far as the text's pieces do not matter."""
    flows.mentions.entered = len(article.links)
    qids = [qid for _, _, qid in article.links if qid is not None]
    ids = iter(entity_ids(qids).tolist() if qids else ())
    mentions = []
    for start, end, qid in article.links:
        entity_id = -1 if qid is None else next(ids)
        if not options.include_headings and start in headings:
            flows.mentions.skipped["in a heading"] += 1
        elif "\n" in article.text[start:end]:
            flows.mentions.skipped["over a paragraph's end"] += 1
        elif entity_id >= 0:
            mentions.append((start, end, entity_id))
        elif options.include_unknown_entities:
            mentions.append((start, end, UNKNOWN_ID))
        else:
            flows.mentions.skipped["no item" if qid is None else "not in the vocabulary"] += 1
    return mentions


def _sentences(
    article: ArticleText,
    headings: _Headings,
    mentions: list[EntityMention],
    splitter: SentenceSplitter,
    tokenizer: Tokenizer,
    options: ExampleOptions,
    flows: Flows,
) -> list[Sentence]:
    sentences = merge_sentences(article.text, splitter.spans(article.text), article.links)
    flows.sentences.entered = len(sentences)
    if not options.include_headings:
        sentences = [(start, end) for start, end in sentences if start not in headings]
        if left_out := flows.sentences.entered - len(sentences):
            flows.skip("heading", left_out)
    return encode_sentences(article.text, with_mentions(sentences, mentions), tokenizer, options, flows)


def _mluke_sentences(
    article: ArticleText,
    headings: _Headings,
    mentions: list[EntityMention],
    splitter: SentenceSplitter,
    tokenizer: Tokenizer,
    options: ExampleOptions,
    flows: Flows,
) -> list[Sentence]:
    paragraphs = article.paragraphs
    if not options.include_headings:
        paragraphs = tuple((start, end) for start, end in paragraphs if start not in headings)
        if left_out := len(article.paragraphs) - len(paragraphs):
            flows.sentences.entered += left_out
            flows.skip("heading", left_out)
    return mluke_sentences(article.text, paragraphs, mentions, splitter, tokenizer, options, flows)


def _long_enough(sentences: Sequence[Sentence], options: ExampleOptions, flows: Flows) -> list[Sentence]:
    least = max(1, options.min_sentence_pieces)
    kept = []
    for sentence in sentences:
        if len(sentence.ids) >= least:
            kept.append(sentence)
        else:
            reason = f"under {least} pieces" if sentence.ids else "no pieces"
            flows.skip(reason, mentions=len(sentence.mentions))
    return kept


def _examples(
    article: ArticleText, sentences: Sequence[Sentence], options: ExampleOptions, flows: Flows
) -> Iterator[Example]:
    index = 0
    for packed in _pack(sentences, options.max_pieces):
        if options.keep_without_entities or any(sentence.mentions for sentence in packed):
            yield _example(article, index, packed, options, flows)
            index += 1
        else:
            flows.skip("in an example without entities", len(packed))


def _pack(sentences: Sequence[Sentence], max_pieces: int) -> Iterator[list[Sentence]]:
    """Sentences in turn, as many as fit."""
    packed: list[Sentence] = []
    pieces = 0
    for sentence in sentences:
        if packed and pieces + len(sentence.ids) > max_pieces:
            yield packed
            packed, pieces = [], 0
        packed.append(sentence)
        pieces += len(sentence.ids)
    if packed:
        yield packed


def _example(
    article: ArticleText, index: int, sentences: Sequence[Sentence], options: ExampleOptions, flows: Flows
) -> Example:
    token_ids = [BOS_ID]
    mentions = []
    for sentence in sentences:
        at = len(token_ids)
        mentions += [(entity_id, at + start, at + end) for start, end, entity_id in sentence.mentions]
        token_ids += sentence.ids
    token_ids.append(EOS_ID)
    if beyond := len(mentions[options.max_entities :]):
        flows.mentions.skipped[f"beyond {options.max_entities} entities"] += beyond
    entities, starts, ends = zip(*mentions[: options.max_entities], strict=True) if mentions else ((), (), ())
    return Example(
        language=article.language,
        page_id=article.page_id,
        index=index,
        split=article.split,
        token_ids=tuple(token_ids),
        entity_ids=entities,
        entity_starts=starts,
        entity_ends=ends,
        sentence_starts=tuple(sentence.start for sentence in sentences),
        sentence_ends=tuple(sentence.end for sentence in sentences),
    )
