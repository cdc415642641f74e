"""What stages cost, expected from the size of the dumps by rates that were measured.

The rates of time are those of docs/cluster.md ("How large"), on cores of an Intel Xeon. Other dumps and machines
differ, by a factor of two and more.
"""

from collections.abc import Collection, Iterable
from pathlib import Path

from mlukit.schemas.layout import STAGES

# Bytes of XML for a byte of a dump's file: 60 GB of bzip2 are 300 GB. gzip packs less.
_XML_OF_COMPRESSED = {".bz2": 5.0, ".gz": 4.0, ".xz": 5.0, ".zst": 5.0, ".7z": 5.0}
_MB_A_SECOND = {"link": 6.2, "vocabulary": 45.0, "examples": 10.0, "mentions": 10.0}  # of XML, by a core
_START = 5.0  # seconds before the first task and after the last one
# Bytes on disk for a byte of XML, by benchmarks/disk.py (docs/results/disk.md).
_PARSED = 0.28  # articles without items, gone when the link stage is finished
_ARTICLES = 0.32  # in each format
_TITLE_INDEXES = 0.04  # of complete dumps; the index of a short dump has the titles of the whole table of items
_EXAMPLES = 0.22  # in each format
_MENTIONS = 0.03
_DICTIONARIES = 0.3  # of short dumps; in whole ones anchors repeat
_DICTIONARIES_MOST = 15e9  # bytes: a hundred million anchors
_VOCABULARY = 0.4  # of short dumps; those of complete ones reach the most that a vocabulary takes
_VOCABULARY_MOST = 700e6  # bytes: 1.2 million entities
_TOKENIZER = 5e6  # bytes


def xml_of(dumps: Iterable[tuple[str, int]]) -> int:
    """Bytes of XML in dump files, by path and size of each file."""
    return round(sum(_XML_OF_COMPRESSED.get(Path(path).suffix, 1) * size for path, size in dumps))


def seconds(xml: int, stages: Collection[str], cores: int) -> float:
    """Seconds that some stages take.

    Args:
        xml: bytes of the dumps' XML.
        stages: their names.
        cores: that work at once.
    """
    return _START + sum(xml / 1e6 / _MB_A_SECOND[stage] for stage in STAGES if stage in stages) / cores


def disk_bytes(xml: int, stages: Collection[str], articles_formats: int, examples_formats: int) -> tuple[int, int]:
    """Bytes that some stages write to the output folder: at the end, and the most that lie there on the way.

    Args:
        xml: bytes of the dumps' XML.
        stages: their names.
        articles_formats: number of formats of articles.
        examples_formats: number of formats of examples.
    """
    parts = {
        "link": xml * (_ARTICLES * articles_formats + _TITLE_INDEXES),
        "vocabulary": min(xml * _VOCABULARY, _VOCABULARY_MOST) + xml * _MENTIONS,
        "examples": xml * _EXAMPLES * examples_formats + _TOKENIZER,
        "mentions": min(xml * _DICTIONARIES, _DICTIONARIES_MOST),
    }
    end = sum(size for stage, size in parts.items() if stage in stages)
    return round(end), round(max(end, parts["link"] + xml * _PARSED if "link" in stages else 0.0))
