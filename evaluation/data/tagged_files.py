"""Finds the files of named entity recognition in --data: CoNLL's official ones, or a folder for each language."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mlukit.evaluation.data.official_files import OfficialSet, official_set
from mlukit.evaluation.data.tag_rows import read_tag_rows
from mlukit.evaluation.data.tagged_sentences import TaggedFile, tagged_file
from mlukit.evaluation.data.word_columns import read_columns

TRAIN, DEV, TEST = "train", "dev", "test"
CONLL: Mapping[str, tuple[str, str]] = {  # language -> official set, first part of the names of its files
    "en": ("conll2003", "eng"),
    "de": ("conll2003", "deu"),
    "es": ("conll2002", "esp"),
    "nl": ("conll2002", "ned"),
}
_CONLL_SPLITS: Mapping[str, str] = {TRAIN: "train", DEV: "testa", TEST: "testb"}
_FOLDERS = "wikiann"
_SPLITS: Mapping[str, tuple[str, ...]] = {TRAIN: ("train",), DEV: ("dev", "validation", "valid"), TEST: ("test",)}
# train, train.txt, train.jsonl.gz, train-00000-of-00001.parquet
_FILE = re.compile(r"([a-z]+)(-\d+-of-\d+)?(\.(?:txt|tsv|bio|conll|jsonl|parquet))?(\.gz)?")
_ROWS = (".jsonl", ".parquet")


@dataclass(frozen=True, slots=True)
class Split:
    """The files of a split of a language.

    Attributes:
        official: the set that they are of.
        paths: one file, or the parts of a split.
    """

    official: OfficialSet
    language: str
    paths: tuple[Path, ...]

    @property
    def is_conll(self) -> bool:
        """Whether a file without marks is one document, as LUKE's code reads CoNLL's Spanish files."""
        return self.official.name != _FOLDERS

    def read(self, names: Sequence[str]) -> TaggedFile:
        """Reads the sentences; `names` are those of the tags, if they are numbers.

        Raises:
            OfficialFileError: the files are not what they should be.
        """
        path = self.paths[0]
        if path.suffix in _ROWS or path.with_suffix("").suffix in _ROWS:
            rows = read_tag_rows(self.official, self.paths, names)
        else:
            prefix = "" if self.is_conll else f"{self.language}:"
            rows = read_columns(self.official, path, prefix=prefix, alone=not self.is_conll)
        return tagged_file(self.official, path, rows)


@dataclass(frozen=True, slots=True)
class TaggedFiles:
    """What is in --data.

    Attributes:
        folder: --data.
        splits: by language, then by split; only those that are there.
    """

    folder: Path
    splits: Mapping[str, Mapping[str, Split]]

    def find(self, language: str, split: str) -> Split:
        """The files of a split.

        Raises:
            OfficialFileError: --data does not have it.
        """
        if found := self.splits.get(language, {}).get(split):
            return found
        is_conll = all(one.is_conll for splits in self.splits.values() for one in splits.values())
        if language in CONLL and is_conll:
            name, stem = CONLL[language]
            official, file = official_set(name), f"{stem}.{_CONLL_SPLITS[split]}"
        else:
            official, file = official_set(_FOLDERS), f"{language}/{split}"
        return Split(official, language, (official.find(self.folder, file),))

    def tests(self, expected: str) -> dict[str, Split]:
        """The test of every language that has one.

        Args:
            expected: the language whose test is named in the message if there is no test at all.

        Raises:
            OfficialFileError: no language has one.
        """
        found = {language: splits[TEST] for language, splits in self.splits.items() if TEST in splits}
        return found or {expected: self.find(expected, TEST)}


def find_tagged_files(folder: Path) -> TaggedFiles:
    """Looks for CoNLL's official files; without any, for a folder for each language.

    Raises:
        OfficialFileError: a split has files of several forms.
    """
    found: dict[str, dict[str, Split]] = {}
    for language, (name, stem) in CONLL.items():
        official = official_set(name)
        for split, ending in _CONLL_SPLITS.items():
            if path := official.find_if_there(folder, f"{stem}.{ending}"):
                found.setdefault(language, {})[split] = Split(official, language, (path,))
    if found:
        return TaggedFiles(folder, found)
    official = official_set(_FOLDERS)
    for place in (folder, folder / official.name):
        for inner in sorted(one for one in place.iterdir() if one.is_dir()) if place.is_dir() else ():
            for split in _SPLITS:
                if paths := _files_of(official, inner, split):
                    found.setdefault(inner.name, {})[split] = Split(official, inner.name, paths)
    return TaggedFiles(folder, found)


def _files_of(official: OfficialSet, folder: Path, split: str) -> tuple[Path, ...]:
    """The files of a split in the folder of a language; for "train": train, train.jsonl, or train/*.parquet."""
    found = [
        file
        for file in sorted(folder.iterdir())
        if (match := _FILE.fullmatch(file.name)) and match[1] in _SPLITS[split] and file.is_file()
    ]
    for name in _SPLITS[split]:
        found += sorted((folder / name).glob("*.parquet"))
    parts = all("-of-" in file.name for file in found) or all(file.parent != folder for file in found)
    if len(found) > 1 and not parts:
        raise official.wrong(folder, f"several files are {split}: {', '.join(file.name for file in found)}")
    return tuple(found)
