"""Measures how fast mlukit and LUKE make examples from articles, and whether `--mluke-exact` gives the same examples.

The articles are from a real dump, with invented items: three of four links have an entity of the vocabulary. LUKE's
dataset builder (studio-ousia/luke, luke/pretraining/dataset.py) runs from a checkout, on the paragraphs and links of
mlukit, with the slow XLM-R tokenizer of transformers. Its examples are taken before serialisation, which saves it time.

usage: python benchmarks/examples.py DUMP MODEL [--language en] [--articles 300] [--luke CHECKOUT]

--luke needs a checkout of github.com/studio-ousia/luke, and `pip install "transformers<5" click tqdm` in addition to
mlukit. Prints MB of article text (UTF-8) per second of processor time, the best of three rounds.

Results with XLM-R's model, on one core of a machine that was busy with other work (MB/s; pages on which --mluke-exact
gives exactly the pieces, entities and positions of LUKE):

    dump                    MB     links   mlukit   exact   LUKE   ratio   pages
    en, 106 pages of 2012   2.94   22802   11.31     4.76   1.52    7.4    106 of 106
    it, 300 pages           1.39   19628    9.62     3.69   1.28    7.5    300 of 300
    el, head of 2023        1.57    8743   13.66     7.83   2.29    6.0    97 of 99: two mentions without pieces
    vi, head of 2023        2.27   16972   18.66     5.58   1.70   11.0    79 of 80: "<s>" in the text
    bn, head of 2023        3.95   10376   20.06     9.98   3.56    5.6    100 of 100
    ja, head of 2006        0.65    6527    8.91     6.11   1.95    4.6    60 of 60

Each round begins with an empty cache of words in the tokenizer; a longer run is faster, because more words are cached.
"""

import argparse
import hashlib
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mlukit.corpus.dumps.files import FileInfo
from mlukit.corpus.dumps.pages import PageReader
from mlukit.corpus.dumps.ranges import plan_ranges
from mlukit.corpus.examples.make_examples import make_examples, sentence_splitter
from mlukit.corpus.examples.options import ExampleOptions
from mlukit.corpus.examples.tokenizer import Tokenizer
from mlukit.corpus.languages.load import load_language
from mlukit.corpus.wikitext.parse import parse_wikitext
from mlukit.schemas.arrow import ARTICLE_ROWS, EXAMPLE_ROWS
from mlukit.schemas.records import LinkedArticle, Mention, Page

ROUNDS = 3
TOGETHER = 100  # articles per batch
EXACT = ExampleOptions(mluke_exact=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dump", type=Path)
    parser.add_argument("model", type=Path, help="SentencePiece model in XLM-R's layout")
    parser.add_argument("--language", default="en")
    parser.add_argument("--articles", type=int, default=300)
    parser.add_argument("--luke", type=Path, help="checkout of studio-ousia/luke")
    asked = parser.parse_args()
    articles = list(islice(read_articles(asked.dump, asked.language), asked.articles))
    text = sum(len(article.text.encode()) for article in articles)
    links = sum(len(article.links) for article in articles)
    print(f"{len(articles)} articles of {asked.dump.name}: {text / 1e6:.2f} MB of text, {links} links")
    batches = in_batches(articles)
    load = partial(Tokenizer.load, asked.model.read_bytes())  # called for each round, to begin without cached words
    tokenizer = load()
    for name, options in (("mlukit", ExampleOptions()), ("mlukit --mluke-exact", EXACT)):
        seconds = measure(partial(our_examples, batches, asked.language, options), prepare=load)
        print(f"{name:22}{text / seconds / 1e6:6.2f} MB/s")
    if asked.luke:
        process = luke_builder(asked.luke, asked.model, articles, asked.language)
        seconds = measure(lambda _: [process(str(article.page_id)) for article in articles])
        print(f"{'LUKE':22}{text / seconds / 1e6:6.2f} MB/s")
        compare(articles, process, tokenizer, asked.language)


def read_articles(dump: Path, code: str) -> Iterator[LinkedArticle]:
    """Reads the articles of the dump, with invented items."""
    language = load_language(code)
    for part in plan_ranges(code, [FileInfo(str(dump), dump.stat().st_size)]):
        for page in PageReader(lambda path: Path(path).open("rb"), part, "link"):  # noqa: SIM115
            if isinstance(page, Page) and page.redirect is None:
                parsed = parse_wikitext(page.text, page.title, language)
                links = tuple(
                    Mention(
                        link.start, link.end, link.language, link.target, link.target, item(link.target), "resolved"
                    )
                    for link in parsed.links
                )
                yield LinkedArticle(
                    language=code,
                    page_id=page.page_id,
                    revision_id=page.revision_id,
                    title=page.title,
                    qid=None,
                    kind="article",
                    split="train",
                    text=parsed.text,
                    paragraphs=parsed.paragraphs,
                    sections=parsed.sections,
                    links=links,
                )


def item(title: str) -> int:
    """An invented QID."""
    return 1 + int.from_bytes(hashlib.sha256(title.encode()).digest()[:3])


def entity_ids(qids: npt.NDArray[np.int64]) -> npt.NDArray[np.int32]:
    """Invented entity ids; -1 for one item in four."""
    numbers = np.asarray(qids, np.int64)
    return np.where(numbers % 4, numbers + 3, -1).astype(np.int32)


def measure(job: Callable[[Any], Any], prepare: Callable[[], Any] = lambda: None) -> float:
    """Seconds of processor time, without the preparation."""
    best = float("inf")
    for _ in range(ROUNDS):
        prepared = prepare()
        start = time.process_time()
        job(prepared)
        best = min(best, time.process_time() - start)
    return best


def in_batches(articles: list[LinkedArticle]) -> list[pa.RecordBatch]:
    """The articles as record batches, as they are read from a shard."""
    parts = (articles[start : start + TOGETHER] for start in range(0, len(articles), TOGETHER))
    return list(map(ARTICLE_ROWS.to_batch, parts))


def our_examples(batches: list[pa.RecordBatch], language: str, options: ExampleOptions, tokenizer: Tokenizer) -> None:
    splitter = sentence_splitter(language, options)
    for batch in batches:
        make_examples(batch, splitter, tokenizer, entity_ids, options)


@dataclass
class _DumpDB:
    """The articles of mlukit, in the form of wikipedia2vec's database."""

    articles: dict[str, LinkedArticle]

    def get_paragraphs(self, title: str) -> Iterator[SimpleNamespace]:
        article = self.articles[title]
        headings = {section.start for section in article.sections}
        links = list(article.links)
        for start, end in article.paragraphs:
            if start not in headings:
                inside = [
                    SimpleNamespace(title=link.target, text="", start=link.start - start, end=link.end - start)
                    for link in links
                    if start <= link.start < end
                ]
                yield SimpleNamespace(text=article.text[start:end], wiki_links=inside, abstract=False)

    def resolve_redirect(self, title: str) -> str:
        return title


class _Vocabulary:
    def contains(self, title: str, language: str) -> bool:
        return self.get_id(title, language) >= 0

    def get_id(self, title: str, language: str) -> int:
        return int(entity_ids(np.array([item(title)]))[0])


def luke_builder(
    checkout: Path, model: Path, articles: list[LinkedArticle], language: str
) -> Callable[[str], list[dict[str, list[int]]]]:
    """LUKE's function that makes examples from the title of a page, here from its id."""
    os.environ["USE_TF"] = "0"  # of transformers; it looks for TensorFlow before there is a stand-in
    from transformers import XLMRobertaTokenizer  # type: ignore[import-not-found]

    _stand_in("luke", __path__=[str(checkout / "luke")])
    _stand_in("wikipedia2vec")
    _stand_in("wikipedia2vec.dump_db", DumpDB=object)
    _stand_in("luke.utils.entity_vocab", UNK_TOKEN="[UNK]", EntityVocab=object)
    _stand_in("luke.utils.model_utils", ENTITY_VOCAB_FILE="", METADATA_FILE="", get_entity_vocab_file_path=str)
    _stand_in("pkg_resources")
    train = SimpleNamespace(
        Example=lambda features: SimpleNamespace(SerializeToString=lambda: features),
        Features=lambda feature: feature,
        Feature=lambda int64_list: int64_list,
        Int64List=list_of,
    )
    _stand_in("tensorflow", train=train)
    _stand_in("tensorflow.io", TFRecordWriter=object)
    _stand_in("tensorflow.train", Int64List=list_of)
    from luke.pretraining.dataset import WikipediaPretrainingDataset  # type: ignore[import-not-found]
    from luke.utils.sentence_splitter import ICUSentenceSplitter  # type: ignore[import-not-found]

    database = _DumpDB({str(article.page_id): article for article in articles})
    tokenizer, splitter = XLMRobertaTokenizer(str(model)), ICUSentenceSplitter(language)
    WikipediaPretrainingDataset._initialize_worker(
        database, tokenizer, splitter, _Vocabulary(), language, 510, 128, 30, 5, False, False, False
    )
    return WikipediaPretrainingDataset._process_page  # type: ignore[no-any-return]


def list_of(value: Any) -> list[int]:
    return list(value)


def _stand_in(name: str, **members: Any) -> None:
    module = ModuleType(name)
    vars(module).update(members)
    sys.modules[name] = module


def compare(
    articles: list[LinkedArticle],
    process: Callable[[str], list[dict[str, list[int]]]],
    tokenizer: Tokenizer,
    language: str,
) -> None:
    """Prints on how many pages both give the same pieces, entities and positions, and the first difference."""
    splitter, pages = sentence_splitter(language, EXACT), Counter[bool]()
    total = 0
    for article in articles:
        theirs = [
            (example["word_ids"], example["entity_ids"], example["entity_position_ids"])
            for example in process(str(article.page_id))
        ]
        batch = make_examples(ARTICLE_ROWS.to_batch([article]), splitter, tokenizer, entity_ids, EXACT)
        ours = [
            (
                list(example.token_ids[1:-1]),
                list(example.entity_ids),
                [
                    place
                    for start, end in zip(example.entity_starts, example.entity_ends, strict=True)
                    for place in [*range(start - 1, end - 1), *[-1] * (30 - end + start)]
                ],
            )
            for example in EXAMPLE_ROWS.to_records(batch.examples)
        ]
        total += len(theirs)
        pages[ours == theirs] += 1
        if ours != theirs and pages[False] == 1:
            difference(ours, theirs, tokenizer)
    print(f"--mluke-exact equals LUKE on {pages[True]} of {pages.total()} pages ({total} examples)")


def difference(ours: list[Any], theirs: list[Any], tokenizer: Tokenizer) -> None:
    for (our_pieces, *_), (their_pieces, *_) in zip(ours, theirs, strict=False):
        for place, (our, their) in enumerate(zip(our_pieces, their_pieces, strict=False)):
            if our != their:
                around = slice(max(0, place - 8), place + 8)
                print(f"  ours   {tokenizer.pieces(our_pieces[around])}")
                print(f"  LUKE's {tokenizer.pieces(their_pieces[around])}")
                return
    print(f"  {len(ours)} examples, LUKE {len(theirs)}; or other entities")


if __name__ == "__main__":
    main()
