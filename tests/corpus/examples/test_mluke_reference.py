"""What mLUKE's script does and we otherwise do not.

benchmarks/examples.py compares whole pages with the script itself.
"""

from typing import Any

import numpy as np
import pytest

from mlukit.corpus.examples.make_examples import sentence_splitter
from mlukit.corpus.examples.options import ExampleOptions
from mlukit.corpus.examples.tokenizer import Tokenizer
from mlukit.schemas.records import LinkedArticle, Mention, Section, Span
from tests.corpus.examples.made_examples import Made, examples_of


def article_of(text: str, *anchors: str, language: str = "en", headings: tuple[str, ...] = ()) -> LinkedArticle:
    """Paragraphs in lines; each anchor, found after the one before, links to Q7."""
    links, offset = [], 0
    for anchor in anchors:
        start = text.index(anchor, offset)
        offset = start + len(anchor)
        links.append(Mention(start, offset, language, "T", "T", 7, "resolved"))
    paragraphs, start = [], 0
    for line in text.split("\n"):
        paragraphs.append(Span(start, start + len(line)))
        start += len(line) + 1
    sections = tuple(Section(text.index(heading), len(text), 2, heading) for heading in headings)
    return LinkedArticle(language, 1, 1, "T", 5, "article", "train", text, tuple(paragraphs), sections, tuple(links))


def make(article: LinkedArticle, tokenizer: Tokenizer, **options: Any) -> Made:
    chosen = ExampleOptions(mluke_exact=True, **options)
    batch = examples_of([article], tokenizer, lambda qids: np.array(qids, np.int32), chosen)
    assert batch.sentences.unaccounted == batch.mentions.unaccounted == 0
    return batch


def pieces(batch: Made, tokenizer: Tokenizer) -> str:
    return " ".join(tokenizer.pieces(batch.examples[0].token_ids[1:-1]))


@pytest.mark.parametrize(
    ("article", "expected"),
    [
        (article_of("The dogs ran away.", "dog"), "▁The ▁dog s ▁ran ▁away ."),
        # a mention right after another has a ▁ that the text has not
        (article_of("It is ParisTexas again now.", "Paris", "Texas"), "▁It ▁is ▁Paris ▁Texas ▁again ▁now ."),
        # so has one at a sentence's start; a sentence within a paragraph has none without a space before it
        (
            article_of("東京は大きい都市である。大阪も大きい。京都もやはり大きい。", "大阪", language="ja"),
            "▁ 東京 は 大きい 都市 である 。 ▁ 大阪 も 大きい 。 京都 も やはり 大きい 。",
        ),
    ],
)
def test_where_words_start(article: LinkedArticle, expected: str, xlmr: Tokenizer) -> None:
    assert pieces(make(article, xlmr), xlmr) == expected


def test_an_unknown_character_after_a_cut_is_lost(xlmr: Tokenizer) -> None:
    article = article_of("日本の大きい会社A𠮷野家がある。", "A", language="ja")
    assert pieces(make(article, xlmr), xlmr) == "▁ 日本の 大きい 会社 A 野 家 がある 。"
    ours = examples_of([article], xlmr, lambda qids: np.array(qids, np.int32), ExampleOptions())
    assert pieces(ours, xlmr) == "▁ 日本の 大きい 会社 A <unk> 野 家 がある 。"


def test_a_link_over_a_sentences_end_is_no_mention(xlmr: Tokenizer) -> None:
    batch = make(article_of("She saw Why? Who? at home. The dog ran away.", "Why? Who?", "dog"), xlmr)
    assert batch.mentions.skipped == {"over a sentence's end": 1}
    assert batch.sentences.skipped == {"under 5 pieces": 3}
    assert pieces(batch, xlmr) == "▁The ▁dog ▁ran ▁away ."


def test_long_sentences_are_left_out(xlmr: Tokenizer) -> None:
    batch = make(article_of("The dog ran away.\n" + "The dog ran and " * 8, "dog", "dog"), xlmr, max_tokens=20)
    assert batch.sentences.skipped == {"over 18 pieces": 1}
    assert batch.mentions.skipped == {"sentence left out: over 18 pieces": 1}


def test_of_long_mentions_the_first_pieces_stay(xlmr: Tokenizer) -> None:
    batch = make(article_of("The dog who ran away came back.", "dog who ran away"), xlmr, max_mention_tokens=2)
    [example] = batch.examples
    assert (example.entity_starts, example.entity_ends) == ((2,), (4,))


def test_abbreviations_in_five_languages_only(xlmr: Tokenizer) -> None:
    assert len(sentence_splitter("fr", ExampleOptions(mluke_exact=True)).spans("M. Dupont vit.")) == 2
    assert len(sentence_splitter("fr", ExampleOptions()).spans("M. Dupont vit.")) == 1
    assert len(sentence_splitter("it", ExampleOptions(mluke_exact=True)).spans("Il Sig. Rossi vive.")) == 1


def test_headings_and_ranges(xlmr: Tokenizer) -> None:
    article = article_of(
        "The dog 😀 ran away. It came back. \nOld history\nIt is now 😀 old.", "dog", headings=("Old history",)
    )
    batch = make(article, xlmr)
    [example] = batch.examples
    ranges = zip(example.sentence_starts, example.sentence_ends, strict=True)
    assert [article.text[start:end] for start, end in ranges] == ["The dog 😀 ran away.", "It is now 😀 old."]
    assert batch.sentences.skipped == {"heading": 1, "under 5 pieces": 1}
