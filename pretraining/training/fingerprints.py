"""Whether weights and examples belong together: by the fingerprints of the tokenizer and of the entity vocabulary.

Row n of a table of weights is word n of a tokenizer, or entity n of a vocabulary. Vocabularies of the same size can
have other entities in their rows, so the sizes say nothing. A run has the fingerprints of its examples in run.json, and
INIT has the fingerprints of the examples that it was imported for in import.json.

Every command that takes weights and an output folder of `mlukit build` calls `check_vocabularies`.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlukit.pretraining.data.dataset import open_tokenizer, open_vocabulary
from mlukit.pretraining.training.run_folder import FINGERPRINTS, IMPORTED, RunFolderError, is_run, read_facts, read_json
from mlukit.schemas.layout import TOKENIZER, VOCABULARY_PARQUET

_NAMES: Mapping[str, str] = {"tokenizer": "tokenizer", "entities": "entity vocabulary"}
_SHOWN = 12  # digits of a fingerprint


def fingerprints_of_examples(examples: Path) -> dict[str, str]:
    """Reads the tokenizer and the entity vocabulary of an output folder.

    Returns:
        The fingerprint of "tokenizer" and of "entities".

    Raises:
        ExamplesError: a file is missing or damaged.
    """
    return {
        "tokenizer": open_tokenizer(examples / TOKENIZER).fingerprint,
        "entities": open_vocabulary(examples / VOCABULARY_PARQUET).fingerprint,
    }


def check_vocabularies(weights: Path, examples: Path, found: Mapping[str, str] | None = None) -> None:
    """Refuses weights whose rows are words and entities of other examples.

    Args:
        weights: the folder of a run, or INIT.
        examples: an output folder of `mlukit build`.
        found: the fingerprints of the examples; None to read the files of the examples.

    Raises:
        RunFolderError: the fingerprints differ, or the weights have none; the text says what to do.
        ExamplesError: a file of the examples is missing or damaged.
    """
    origin = _origin(weights)
    expected = origin.get(FINGERPRINTS)
    if not isinstance(expected, dict) or not all(isinstance(expected.get(part), str) for part in _NAMES):
        raise RunFolderError(
            f"{weights} does not tell which words and entities its rows are: an earlier mlukit wrote it. Import it "
            f"again: {_import_command(weights, origin, examples)}"
        )
    found = found or fingerprints_of_examples(examples)
    for part, name in _NAMES.items():
        if found[part] != expected[part]:
            raise RunFolderError(
                f"{weights} has another {name} than {examples}: the fingerprints are {expected[part][:_SHOWN]}… and "
                f"{found[part][:_SHOWN]}…. {_what_to_do(part, weights, origin, examples)}"
            )


def check_same_examples(run: Path, examples: Path, found: Mapping[str, str]) -> None:
    """Refuses to continue a run with other examples than its own.

    Args:
        run: the folder of the run.
        examples: the folder where the examples lie now.
        found: the fingerprints of "tokenizer", "entities" and "examples" there.

    Raises:
        RunFolderError: a fingerprint differs; the text says what to do.
    """
    check_vocabularies(run, examples, found)
    expected = str(read_facts(run)[FINGERPRINTS].get("examples"))
    if found["examples"] != expected:
        raise RunFolderError(
            f"{run} was trained on other examples than those in {examples}: the fingerprints are {expected[:_SHOWN]}… "
            f"and {found['examples'][:_SHOWN]}…. --examples names the folder where the examples of the run lie now; to "
            f"train on other examples, begin a new run with --init {run}"
        )


def _origin(weights: Path) -> dict[str, Any]:
    """The content of run.json or of import.json; nothing for a folder without these files."""
    if is_run(weights):
        return read_facts(weights)
    report = read_json(weights / IMPORTED) if (weights / IMPORTED).is_file() else None
    return report if isinstance(report, dict) else {}


def _what_to_do(part: str, weights: Path, origin: Mapping[str, Any], examples: Path) -> str:
    """How to bring weights and examples together whose tokenizer or entity vocabulary ("entities") differ."""
    source = f"the examples of {weights}"
    if is_run(weights):
        source += f", which were in {origin['examples']}"
    if part == "tokenizer":
        return f"Name {source}, by --examples, or build the examples with their --sentencepiece-model"
    if is_run(weights):
        matched = f"mlukit export {weights} --output DIR, then mlukit import DIR --output INIT --examples {examples}"
    else:
        matched = _import_command(weights, origin, examples)
    return f"Name {source}, by --examples, or take the rows over entity by entity: {matched}"


def _import_command(weights: Path, origin: Mapping[str, Any], examples: Path) -> str:
    return f"mlukit import {origin.get('source', 'DIR')} --output {weights}-2 --examples {examples}"
