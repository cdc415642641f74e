"""What stages cost, expected from the size of the dumps by rates that were measured.

The rates are those of docs/cluster.md ("How large") and docs/pipeline.md ("Memory"), on cores of an Intel Xeon. Other
dumps and machines differ, by a factor of two and more.
"""

from collections.abc import Collection, Iterable

from mlukit.corpus.dumps.files import FileInfo
from mlukit.schemas.layout import STAGES

_COMPRESSED = (".bz2", ".gz", ".xz", ".zst", ".7z")
_XML_OF_COMPRESSED = 5  # bytes of XML for a byte of a compressed dump: 60 GB are 300 GB
_MB_A_SECOND = {"link": 6.2, "vocabulary": 45.0, "examples": 10.0}  # of XML, by a core
_START = 5.0  # seconds before the first task and after the last one
# Bytes on disk for a byte of XML.
_PARSED = 0.27  # articles without items, gone when the link stage is finished
_ARTICLES = 0.32  # in each format
_TITLE_INDEXES = 0.013
_EXAMPLES = 0.20  # in each format
_VOCABULARY = 0.02  # with the mention dictionaries


def xml_bytes(dumps: Iterable[FileInfo]) -> int:
    """Bytes of XML in dump files."""
    return sum(file.size * (_XML_OF_COMPRESSED if file.path.endswith(_COMPRESSED) else 1) for file in dumps)


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
    linked = (_ARTICLES * articles_formats + _TITLE_INDEXES) if "link" in stages else 0.0
    made = {"vocabulary": _VOCABULARY, "examples": _EXAMPLES * examples_formats}
    end = linked + sum(share for stage, share in made.items() if stage in stages)
    return round(xml * end), round(xml * max(end, linked + _PARSED if "link" in stages else 0.0))
