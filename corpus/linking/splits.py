"""Decides which pages are held out for validation."""

import hashlib

from mlukit.schemas.records import Split, qid_name

VALIDATION_SHARE = 0.01


def split_of(language: str, page_id: int, qid: int | None, validation_share: float = VALIDATION_SHARE) -> Split:
    """The split of a page, by its item, so that the pages of an entity are held out in all languages.

    For a page without an item, (language, page id) decides. The split is the same on every machine: a page is held out
    if the first 64 bits of SHA-256 of "Q64" or "de:1234", as a fraction of 2**64, are below the share.

    Args:
        language: the language of the page.
        page_id: the id of the page.
        qid: the item of the page, if known.
        validation_share: the share of pages that are held out, 0 to 1.
    """
    key = f"{language}:{page_id}" if qid is None else qid_name(qid)
    digest = hashlib.sha256(key.encode()).digest()
    return "validation" if int.from_bytes(digest[:8], "big") < validation_share * 2**64 else "train"
