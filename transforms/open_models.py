"""Opens what the examples of an output folder are made with: its tokenizer and its entity vocabulary."""

from functools import lru_cache

from mlukit.corpus.entities.vocabulary import EntityVocabulary
from mlukit.corpus.examples.tokenizer import Tokenizer
from mlukit.engine.storage import Storage
from mlukit.schemas import layout


@lru_cache(maxsize=1)
def open_models(root: str, model_fingerprint: str, entities_fingerprint: str) -> tuple[Tokenizer, EntityVocabulary]:
    """What all work of a process shares, kept for the next: it takes a second or two to read.

    Raises:
        ValueError: they are not those that the examples were planned with.
    """
    storage = Storage(root)
    with storage.open(layout.TOKENIZER) as model, storage.open(layout.VOCABULARY_PARQUET) as stream:
        tokenizer, vocabulary = Tokenizer.load(model.read(), checked=True), EntityVocabulary.open(stream)
    found = (
        (layout.TOKENIZER, tokenizer, model_fingerprint),
        (layout.VOCABULARY_PARQUET, vocabulary, entities_fingerprint),
    )
    for path, opened, fingerprint in found:
        if opened.fingerprint != fingerprint:
            raise ValueError(
                f"{path} has the fingerprint {opened.fingerprint}, the examples were planned with {fingerprint}"
            )
    return tokenizer, vocabulary
