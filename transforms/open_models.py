"""Opens the tokenizer and the entity vocabulary of an output folder."""

from functools import lru_cache

from mlukit.corpus.entities.vocabulary import EntityVocabulary
from mlukit.corpus.examples.tokenizer import Tokenizer
from mlukit.engine.storage import Storage
from mlukit.schemas import layout


@lru_cache(maxsize=1)
def open_models(root: str, model_fingerprint: str, entities_fingerprint: str) -> tuple[Tokenizer, EntityVocabulary]:
    """Opens the tokenizer and the vocabulary, and caches them in the process: reading takes a second or two.

    Args:
        root: the output folder.
        model_fingerprint: the expected fingerprint of the tokenizer.
        entities_fingerprint: the expected fingerprint of the vocabulary.

    Raises:
        ValueError: a fingerprint differs, so the files have changed since the run began.
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
            raise ValueError(f"{path} has the fingerprint {opened.fingerprint}, but the run began with {fingerprint}")
    return tokenizer, vocabulary
