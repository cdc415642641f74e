"""Named entities: fine-tuned on CoNLL-2003 English, and tested on CoNLL-2003 German and CoNLL-2002 Spanish and Dutch.

Every span of whole words is classified, as in LUKE's code (studio-ousia/luke, examples/ner): the sentence stands in the
middle of its document, and each span with at most 16 pieces is a candidate. E: a [MASK] entity over each candidate; the
states of its first piece, its last piece and its entity are classified. W: the states of the two pieces. Candidates
overlap; of those that are entities, the ones with the highest logits win. Scores count every entity of the file, while
LUKE's code drops those that no candidate covers.

Also read: a folder for each language with WikiANN's files, or files in the token-classification form of the Hub.
"""

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import accumulate
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from mlukit.evaluation.data.official_files import official_set
from mlukit.evaluation.data.tagged_files import CONLL, DEV, TRAIN, Split, TaggedFiles, find_tagged_files
from mlukit.evaluation.data.tagged_sentences import (
    OUTSIDE,
    UNTAGGED,
    Document,
    Entity,
    TagError,
    TaggedFile,
    TaggedSentence,
    entities_of,
    tags_of,
)
from mlukit.evaluation.data.word_columns import read_columns
from mlukit.evaluation.encoder.inputs import IGNORED, Input, Integers
from mlukit.evaluation.encoder.text_encoder import TextEncoder
from mlukit.evaluation.encoder.word_spans import Window, candidate_spans, window
from mlukit.evaluation.errors import EvaluationError, ExampleError, say
from mlukit.evaluation.metrics.tagged_entities import entity_counts, entity_numbers
from mlukit.evaluation.tasks.task import (
    ENTITIES,
    ExportForm,
    FineTunedTask,
    Flag,
    Head,
    HyperParameters,
    Line,
    Numbers,
    TaskData,
)

MOST_PIECES = 16  # of a candidate span
MOST_SPANS = 128  # of one sequence
NONE = "none"
_CONTEXTS = ("document", "sentence")
_NO_TAG, _OTHER_LABEL = "with words without a tag", "with an entity of a type that the training file does not have"
_UNCOVERED = f"with an entity that no span of at most {MOST_PIECES} pieces covers"
_CLIPPED = "longer than the model, without the last words"
_FIRST_LINE = '{"text": "Ada lives in London ."} or {"words": ["Ada", "lives"]}'
_SHOWN = 5
_LUKE_NAMES = {"NIL": OUTSIDE}  # in published checkpoints


class NamedEntities(FineTunedTask):
    """See the docstring of this module."""

    name = "ner"
    measures = "Named entities in text, in en, de, es and nl (CoNLL), or in any language of WikiANN."
    official = ("conll2003", "conll2002", "wikiann")
    metric = "F1"
    flags = (
        Flag(
            "train-language", "CODE", "Language to fine-tune on; none for a checkpoint that is fine-tuned.", "en", NONE
        ),
        Flag("context", "NAME", "document: context of a sentence is its document; sentence: no context.", "document"),
        Flag("tag-names", "NAMES", "Names of tags that are numbers, comma-separated, such as O,B-PER,I-PER."),
    )
    hyper_parameters = HyperParameters(
        batch_size=8,
        epochs=5,
        clip=5.0,
        source="studio-ousia/luke, examples/ner (its README: a grid search is needed)",
    )
    exported: ClassVar[Mapping[str, ExportForm]] = {
        ENTITIES: ExportForm("LukeForEntitySpanClassification", tokenizer_task="entity_span_classification")
    }

    def read(self, folder: Path, options: Mapping[str, str]) -> TaskData:
        """Reads train and dev of one language, and the test of every language that --data has one of."""
        if options["context"] not in _CONTEXTS:
            raise EvaluationError(f"--context {options['context']}: accepted are {' and '.join(_CONTEXTS)}")
        found, language = find_tagged_files(folder), options["train-language"]
        splits: dict[str, Split] = {}
        if language != NONE:
            splits = {split: found.find(language, split) for split in (TRAIN, DEV)}
        tests = found.tests("en" if language == NONE else language)
        _say_missing(found, tests)
        names = tuple(filter(None, map(str.strip, options["tag-names"].split(","))))
        files = {name: split.read(names) for name, split in {**splits, **tests}.items()}
        _say_forms(files, {**splits, **tests}, options["context"])
        known = [files[TRAIN]] if splits else list(files.values())
        labels = sorted({one.label for file in known for sentence in file.sentences for one in sentence.entities})
        return TaskData(
            train=[one for one in files[TRAIN].sentences if _is_tagged(one)] if splits else (),
            dev=files[DEV].sentences if splits else (),
            tests={name: files[name].sentences for name in tests},
            labels=(OUTSIDE, *(label for label in labels if label != UNTAGGED)),
            files=tuple(path for split in {**splits, **tests}.values() for path in split.paths),
            faults=_faults(files, labels),
        )

    def head(self, data: TaskData, variant: str) -> Head:
        """The states of the two pieces, and of the entity in E."""
        return Head(states=3 if variant == ENTITIES else 2, outputs=len(data.labels))

    def inputs(self, data: TaskData, example: TaggedSentence, variant: str, texts: TextEncoder) -> list[Input]:
        """One sequence for at most 128 candidates; a sentence with more of them has several sequences."""
        found = _window(example, texts, data.options["context"])
        candidates = candidate_spans(found.borders, MOST_PIECES)
        if not len(candidates):
            raise ExampleError(f"without a word that has at most {MOST_PIECES} pieces")
        numbers = {label: number for number, label in enumerate(data.labels)}
        right = {(start, end): numbers.get(label, IGNORED) for start, end, label in example.entities}
        tokens, borders = [texts.bos, *found.pieces, texts.eos], np.array(found.borders) + 1
        made = []
        for part in np.array_split(candidates, math.ceil(len(candidates) / MOST_SPANS)):
            targets = np.array([right.get((start, end), numbers[OUTSIDE]) for start, end in part.tolist()])
            made.append(_input(tokens, borders[part], targets, part, texts.mask if variant == ENTITIES else None))
        return made

    def notes(self, data: TaskData, example: TaggedSentence, inputs: Sequence[Input]) -> list[str]:
        """What is lost of a sentence."""
        candidates = {tuple(span) for one in inputs for span in one.details.tolist()}
        lost = [one for one in example.entities if one.label != UNTAGGED and one[:2] not in candidates]
        last = max(end for _, end in candidates)
        return [_UNCOVERED] * bool(lost) + [_CLIPPED] * (last < len(example.words))

    def decode(
        self, data: TaskData, example: TaggedSentence, inputs: Sequence[Input], scores: Sequence[Numbers]
    ) -> Line:
        """The entities, as first word, word after the last one, type, and the words."""
        spans = np.concatenate([one.details for one in inputs])
        found = entities_without_overlap(spans, np.concatenate(scores), data.labels)
        return {"entities": [[*entity, " ".join(example.words[entity.start : entity.end])] for entity in found]}

    def counts(self, data: TaskData, name: str, predictions: Sequence[Line]) -> Numbers:
        """See `metrics.tagged_entities`."""
        examples = data.examples(name)
        found = {line["id"]: [Entity(*one[:3]) for one in line.get("entities", ())] for line in predictions}
        right = [tags_of(one.entities, len(one.words)) for one in examples]
        guessed = [tags_of(found.get(one.id, ()), len(one.words)) for one in examples]
        return entity_counts(right, guessed, _types(data))

    def numbers(self, data: TaskData, totals: Numbers) -> dict[str, float]:
        """See `metrics.tagged_entities`."""
        return entity_numbers(totals, _types(data))

    def read_predictions(self, file: Path, data: TaskData, name: str) -> Sequence[Line]:
        """Reads CoNLL's form: the test file with a column more, the last one, of predicted tags."""
        official = official_set(CONLL[name][0] if name in CONLL else "wikiann")
        examples = data.examples(name)
        rows = list(read_columns(official, file, prefix=f"{name}:"))
        lines: list[Line] = []
        for row, example in zip(rows, examples, strict=False):
            if tuple(row.words) != example.words:
                found, expected = (" ".join(words[:_SHOWN]) for words in (row.words, example.words))
                raise official.wrong(file, f"the sentence at {row.id} begins {found!r}, that of {name} {expected!r}")
            try:
                lines.append({"id": example.id, "entities": entities_of(row.tags)})
            except TagError as error:
                raise official.wrong(file, f"the sentence at {row.id} has {error}") from error
        if len(rows) != len(examples):
            raise official.wrong(file, f"it has {len(rows):,} sentences, where {name} has {len(examples):,}")
        return lines

    def checkpoint_labels(self, names: Sequence[str]) -> tuple[str, ...]:
        """Published checkpoints of LUKE call O "NIL"."""
        return tuple(_LUKE_NAMES.get(name, name) for name in names)

    def example_of_text(self, line: Mapping[str, Any], number: int) -> TaggedSentence:
        """Reads words, or a text with a blank between words."""
        text, words = line.get("text"), line.get("words")
        words = text.split() if isinstance(text, str) and words is None else words
        if not isinstance(words, list) or not words or not all(isinstance(word, str) for word in words):
            raise EvaluationError(f"line {number} is not like {_FIRST_LINE}")
        return TaggedSentence(str(line.get("id", number)), tuple(words), (), Document([tuple(words)]), 0)


def entities_without_overlap(spans: Integers, logits: Numbers, labels: Sequence[str]) -> list[Entity]:
    """The entities among candidates: the one with the highest logit first, then every one that overlaps none before.

    Of candidates with one logit, the first one in the text wins, and of those with one start the shorter one.

    Args:
        spans: K x 2, the first word and the word after the last one.
        logits: K x labels. A candidate is an entity if the highest logit is not that of O.
        labels: of the columns.

    Returns:
        The entities in the order of the text.
    """
    best, highest = logits.argmax(axis=1), logits.max(axis=1)
    entities = np.flatnonzero(best != labels.index(OUTSIDE))
    order = entities[np.lexsort((spans[entities, 1], spans[entities, 0], -highest[entities]))]
    is_taken = np.zeros(spans.max(initial=0) + 1, np.bool_)
    found = []
    for number in order:
        start, end = spans[number].tolist()
        if not is_taken[start:end].any():
            is_taken[start:end] = True
            found.append(Entity(start, end, labels[best[number]]))
    return sorted(found)


def _input(tokens: Sequence[int], places: Integers, targets: Integers, candidates: Integers, mask: int | None) -> Input:
    """A sequence with some candidates.

    Args:
        tokens: with <s> and </s>.
        places: of each candidate, the first token and the token after the last one.
        targets: of each candidate.
        candidates: in words.
        mask: the entity over each candidate; None for no entities.
    """
    rows = [places[:, 0], places[:, 1] - 1]
    if mask is None:
        return Input(tokens, rows=np.stack(rows, axis=1), targets=targets, details=candidates)
    rows.append(len(tokens) + np.arange(len(places)))
    spans = [(start, end) for start, end in places.tolist()]
    return Input(tokens, [mask] * len(spans), spans, np.stack(rows, axis=1), targets, candidates)


def _window(example: TaggedSentence, texts: TextEncoder, context: str) -> Window:
    room = texts.most_tokens - 2
    if context == "sentence":
        return window(*texts.encode_words(example.words), room)
    pieces, borders, firsts = _encoded(example.document, texts)
    first = firsts[example.number]
    return window(pieces, borders[first : first + len(example.words) + 1], room)


@lru_cache(maxsize=1)  # the sentences of a document follow each other
def _encoded(document: Document, texts: TextEncoder) -> tuple[list[int], list[int], list[int]]:
    """The pieces of a document, the first piece of each word and the end, and the first word of each sentence."""
    words = [word for sentence in document.sentences for word in sentence]
    return *texts.encode_words(words), list(accumulate(map(len, document.sentences), initial=0))


def _types(data: TaskData) -> list[str]:
    return [label for label in data.labels if label != OUTSIDE]


def _is_tagged(sentence: TaggedSentence) -> bool:
    return all(entity.label != UNTAGGED for entity in sentence.entities)


def _faults(files: Mapping[str, TaggedFile], labels: Sequence[str]) -> dict[str, list[str]]:
    """The rows with a fault, by fault."""
    known = {*labels, UNTAGGED}
    found = {
        _NO_TAG: [name for file in files.values() for name in file.untagged],
        _OTHER_LABEL: [
            f"{file.path.name} at {sentence.id}"
            for file in files.values()
            for sentence in file.sentences
            if any(entity.label not in known for entity in sentence.entities)
        ],
    }
    return {fault: rows for fault, rows in found.items() if rows}


def _say_missing(found: TaggedFiles, tests: Mapping[str, Split]) -> None:
    """Says which of CoNLL's tests --data does not have."""
    if all(split.is_conll for split in tests.values()) and (missing := [one for one in CONLL if one not in tests]):
        say(f"--data {found.folder} has no test in {', '.join(missing)}; mlukit evaluate list says where to get it")


def _say_forms(files: Mapping[str, TaggedFile], splits: Mapping[str, Split], context: str) -> None:
    """Says how files were read that are not as LUKE's code expects them."""
    for name, file in files.items():
        if conversion := file.conversion():
            say(conversion)
        if context == "document" and splits[name].is_conll and not file.has_borders:
            say(f"{file.path.name} has no line -DOCSTART-: the whole file is one document, as in LUKE's code")


TASK = NamedEntities()
