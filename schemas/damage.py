"""Accounts of the files that were read, in the results of tasks, and of damaged files, in the link stage's record."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import KW_ONLY, asdict, dataclass, field
from heapq import nsmallest
from typing import Any

PLACES_KEPT = 5  # of a file; the others are counted


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where a file is damaged: the byte where reading failed."""

    byte: int
    reason: str


@dataclass(slots=True)
class FileAccount:
    """What tasks read from a file: the number of whole pages, and the places where the file is damaged."""

    pages: int = 0
    damage: Counter[str] = field(default_factory=Counter)  # places, by reason
    places: list[Place] = field(default_factory=list)  # the first few

    def lose(self, reason: str, byte: int) -> None:
        """Counts a damaged place."""
        self.add(FileAccount(0, Counter({reason: 1}), [Place(byte, reason)]))

    def add(self, other: "FileAccount") -> None:
        """Adds the account of another task for the same file; the order does not matter."""
        self.pages += other.pages
        self.damage.update(other.damage)
        self.places = nsmallest(PLACES_KEPT, [*self.places, *other.places])

    def to_json(self) -> dict[str, Any]:
        """As written to results."""
        return {"pages": self.pages, "damage": dict(self.damage), "places": [asdict(place) for place in self.places]}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "FileAccount":
        """The inverse of `to_json`."""
        return cls(value["pages"], Counter(value["damage"]), [Place(**place) for place in value["places"]])


@dataclass(frozen=True, slots=True)
class PageList:
    """The number of pages of a file in the index beside the file."""

    name: str
    pages: int


@dataclass(frozen=True, slots=True)
class WrongChecksum:
    """A checksum that differs from the one in a list beside the file."""

    name: str  # of the list
    algorithm: str
    listed: str
    found: str


@dataclass(frozen=True, slots=True)
class DamagedFile:
    """A damaged file that the link stage read."""

    language: str
    kind: str  # "dump", or a table's name
    name: str
    bytes: int
    _: KW_ONLY
    pages: int = 0  # number of whole pages
    damage: Mapping[str, int] = field(default_factory=dict)  # places, by reason
    places: tuple[Place, ...] = ()  # the first few
    index: PageList | None = None
    checksums: tuple[WrongChecksum, ...] = ()

    @property
    def missing_pages(self) -> int:
        """The number of pages in the file's index that the file lacks."""
        return max(0, self.index.pages - self.pages) if self.index else 0

    @property
    def reasons(self) -> Counter[str]:
        """What is wrong, by reason: places, pages, checksums."""
        others = {"missing pages": self.missing_pages, "wrong checksum": len(self.checksums)}
        return Counter({**self.damage, **{reason: number for reason, number in others.items() if number}})

    def to_json(self) -> dict[str, Any]:
        """As written to the record."""
        return {
            "language": self.language,
            "kind": self.kind,
            "name": self.name,
            "bytes": self.bytes,
            "pages": self.pages,
            "damage": dict(self.damage),
            "places": [asdict(place) for place in self.places],
            "index": self.index and asdict(self.index),
            "checksums": [asdict(checksum) for checksum in self.checksums],
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "DamagedFile":
        """The inverse of `to_json`.

        Raises:
            KeyError, TypeError, ValueError, AttributeError: `value` was not made by `to_json`.
        """
        index = value["index"]
        return cls(
            value["language"],
            value["kind"],
            value["name"],
            value["bytes"],
            pages=value["pages"],
            damage=dict(value["damage"]),
            places=tuple(Place(**place) for place in value["places"]),
            index=index and PageList(**index),
            checksums=tuple(WrongChecksum(**checksum) for checksum in value["checksums"]),
        )


def damaged_files(record: Mapping[str, Any]) -> list[DamagedFile]:
    """The damaged files that a record of the link stage lists.

    Raises:
        ValueError: the list is malformed.
    """
    try:
        return [DamagedFile.from_json(value) for value in record.get("damaged", ())]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(f"its list of damaged files is malformed: {type(error).__name__} {error}") from error
