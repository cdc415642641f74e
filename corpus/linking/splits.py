"""Which pages are held out for validation."""

import hashlib

from mlukit.schemas.records import Split, qid_name

VALIDATION_SHARE = 0.01


def split_of(language: str, page_id: int, qid: int | None, validation_share: float = VALIDATION_SHARE) -> Split:
    """The split of a page: by its item, so that an entity's page is held out in every language at once.

    A page without an item goes by (language, page id). The same on every machine: held out is what has the first 64
    bits of SHA-256 of "Q64" or "de:1234", as a fraction of 2**64, below the share.

    Args:
        validation_share: 0 to 1.
    """
    key = f"{language}:{page_id}" if qid is None else qid_name(qid)
    digest = hashlib.sha256(key.encode()).digest()
    return "validation" if int.from_bytes(digest[:8], "big") < validation_share * 2**64 else "train"
