"""Finds the official files of a set, and says what is missing: which set, where it is published, what it looks like."""

import gzip
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

from mlukit.evaluation.errors import EvaluationError

_TABLE = "official_files.toml"


class OfficialFileError(EvaluationError):
    """An official file is missing, or is not what it should be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OfficialSet:
    """A published set.

    Attributes:
        name: in data/official_files.toml, and of the folder that its files may lie in.
        title: as its authors write it.
        published: where.
        licence: of the set.
        form: what a file looks like.
        files: their names.
    """

    name: str
    title: str
    published: str
    licence: str
    form: str
    files: tuple[str, ...]

    def find(self, folder: Path, file: str) -> Path:
        """The path of a file, in --data or in a folder of the set's name in it, as it is or with .gz.

        Raises:
            OfficialFileError: there is no such file.
        """
        if found := self.find_if_there(folder, file):
            return found
        problem = f"has no {file}" if folder.is_dir() else "is not a folder"
        raise OfficialFileError(f"--data {folder} {problem}, a file of {self._described()}")

    def find_if_there(self, folder: Path, file: str) -> Path | None:
        """The path of a file; None if there is no such file."""
        places = [place / name for place in (folder, folder / self.name) for name in (file, f"{file}.gz")]
        return next((place for place in places if place.is_file()), None)

    def wrong(self, path: Path, problem: str) -> OfficialFileError:
        """The error about a file that is not what it should be.

        Args:
            path: of the file.
            problem: the rest of the sentence that begins with the path, such as "line 3 has no tab".
        """
        return OfficialFileError(f"{path}: {problem}. It should be a file of {self._described()}")

    def read_text(self, path: Path, encoding: str = "utf-8") -> str:
        """The text of a file, unpacked.

        Raises:
            OfficialFileError: the file cannot be read, or is in another encoding.
        """
        try:
            content = path.read_bytes()
            return (gzip.decompress(content) if path.suffix == ".gz" else content).decode(encoding)
        except UnicodeDecodeError as error:
            raise self.wrong(path, f"byte {error.start:,} is not {encoding}") from error
        except (OSError, EOFError) as error:
            raise self.wrong(path, f"it cannot be read: {error}") from error

    def _described(self) -> str:
        return f"{self.title} ({self.published}): {self.form}"


@cache
def official_sets() -> dict[str, OfficialSet]:
    """All sets, by name."""
    table = tomllib.loads(files(__package__).joinpath(_TABLE).read_text(encoding="utf-8"))
    return {name: OfficialSet(name=name, **{**value, "files": tuple(value["files"])}) for name, value in table.items()}


def official_set(name: str) -> OfficialSet:
    """The set of a name in data/official_files.toml."""
    return official_sets()[name]
