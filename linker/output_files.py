"""The files of an output folder that a linker reads, and what is wrong if they are not there."""

from pathlib import Path

from mlukit.corpus.detection.array_file import ArrayFileError
from mlukit.corpus.detection.mention_table import MentionTable
from mlukit.corpus.relatedness.related_entities import RelatedEntities
from mlukit.engine.command_parser import nearest
from mlukit.engine.errors import RefusedError
from mlukit.schemas import layout


class LinkerError(RefusedError):
    """An output folder or a file cannot be used; the text says what was found, and what to do."""


def languages_of(output: Path) -> list[str]:
    """The languages that an output has a mention dictionary of.

    Raises:
        LinkerError: the output has none.
    """
    folder = output / layout.MENTIONS
    found = sorted(manifest.parent.name for manifest in folder.glob("*/_manifest.json"))
    if not found:
        problem = f"{output} has no mention dictionary" if output.is_dir() else f"there is no folder {output}"
        raise LinkerError(f"{problem}: name the output folder of mlukit build")
    return found


def open_dictionary(output: Path, language: str) -> MentionTable:
    """Opens the mention dictionary of a language.

    Raises:
        LinkerError: the output has no such language, or no link probabilities; the text names the command to run.
    """
    known = languages_of(output)
    if language not in known:
        hint = nearest(language, known) or f"; accepted: {', '.join(known)}"
        raise LinkerError(f"{output} has no mention dictionary of the language {language!r}{hint}")
    file = output / layout.mention_dictionary(language)
    if not file.exists():
        raise LinkerError(f"{output} has no link probabilities ({file} is missing): run mlukit mentions {output}")
    try:
        return MentionTable.open(file)
    except ArrayFileError as error:
        raise LinkerError(f"{error}. Write it again: mlukit mentions {output} --overwrite") from error


def open_relatedness(output: Path) -> RelatedEntities:
    """Opens the related entities of all languages.

    Raises:
        LinkerError: the file is missing or damaged.
    """
    try:
        return RelatedEntities.open(output / layout.RELATED_ENTITIES)
    except ArrayFileError as error:
        raise LinkerError(f"{error}. Write it again: mlukit mentions {output} --overwrite") from error
