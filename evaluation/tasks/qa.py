"""Questions: fine-tuned on SQuAD 1.1, English, and tested on XQuAD and MLQA.

The input is that of LUKE's code (studio-ousia/luke, examples/reading_comprehension): the question and a window of the
context. Each word is scored as the first and as the last one of the answer. W: words alone. E: the same words, and the
entities of the names in question and context (`--entities`, `--candidates`).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from mlukit.evaluation.data.question_sets import (
    ALL,
    ENGLISH,
    MLQA,
    NONE,
    SETS,
    SQUAD,
    XQUAD,
    read_question_sets,
    set_of,
)
from mlukit.evaluation.data.squad_files import Paragraph, Question
from mlukit.evaluation.encoder.answer_windows import (
    MOST_QUESTION,
    Entity,
    LinkedText,
    answer_windows,
    best_answer,
)
from mlukit.evaluation.encoder.inputs import Input
from mlukit.evaluation.encoder.text_encoder import TextEncoder
from mlukit.evaluation.errors import EvaluationError, say, warn
from mlukit.evaluation.linking.article_names import ArticleInLanguage
from mlukit.evaluation.linking.candidate_files import CandidateFiles
from mlukit.evaluation.linking.found_names import Names, TextOfArticle
from mlukit.evaluation.linking.output_names import OutputNames
from mlukit.evaluation.metrics.answers import (
    MLQA_LANGUAGES,
    answer_counts,
    answer_numbers,
    mlqa_words,
    squad_words,
)
from mlukit.evaluation.tasks.task import (
    DEV,
    ENTITIES,
    TRAIN,
    WORDS,
    ExportForm,
    FineTunedTask,
    Flag,
    Head,
    HyperParameters,
    Line,
    Numbers,
    TaskData,
)
from mlukit.schemas.wording import counted

_START, _END = "start", "end"
_UNANSWERED = "with a question without an answer"
_UNTRAINED = "no answer, or an answer that is not at its answer_start, to train on"
_CUT = f"with a question of more than {MOST_QUESTION} pieces, which was cut"
_FIRST_LINE = '{"question": "Who founded Acme?", "context": "Ada founded Acme."}'
_FORM = ExportForm("LukeForQuestionAnswering", head="qa_outputs")


class Questions(FineTunedTask):
    """See the docstring of this module."""

    name = "qa"
    measures = "Answers to questions in their context, in the languages of XQuAD and MLQA."
    official = (SQUAD, XQUAD, MLQA)
    metric = "F1"
    english = (DEV, f"{XQUAD}-{ENGLISH}", f"{MLQA}-{ENGLISH}")
    flags = (
        Flag(
            "sets", "NAMES", f"Tests, comma-separated: {', '.join(SETS)}; or {ALL} that --data has.", "xquad,mlqa", ALL
        ),
        Flag(
            "training",
            "NAME",
            "squad; xquad: 36 of XQuAD's 48 English articles train, 4 are dev, and 8 are the test in all languages; "
            "none for a checkpoint that is fine-tuned.",
            SQUAD,
            NONE,
        ),
        Flag(
            "entities", "OUT", "Output of mlukit build, with mentions, that gives names their entities.", is_path=True
        ),
        Flag(
            "candidates", "DIR", "Names of each article in files of LUKE's form, in place of --entities.", is_path=True
        ),
    )
    hyper_parameters = HyperParameters(
        batch_size=32,
        epochs=2,
        clip=5.0,
        source="studio-ousia/luke, examples/reading_comprehension",
    )
    exported: ClassVar[Mapping[str, ExportForm]] = {WORDS: _FORM, ENTITIES: _FORM}

    def read(self, folder: Path, options: Mapping[str, str]) -> TaskData:
        """Reads the files to train on, and the tests that --data has."""
        found = read_question_sets(folder, options["training"], options["sets"])
        if found.misplaced:
            names = ", ".join(found.misplaced[:5])
            say(f"{counted(len(found.misplaced), 'answer')} not at answer_start; tests score the text: {names}")
        return TaskData(
            train=found.train,
            dev=found.dev,
            tests=found.tests,
            labels=(_START, _END),
            files=tuple(found.files),
            faults={_UNANSWERED: found.unanswered} if found.unanswered else {},
            left_out={_UNTRAINED: found.untrained} if found.untrained else {},
        )

    def prepare(self, data: TaskData, variants: Sequence[str]) -> TaskData:
        """Opens what gives names their entities, and reads the names of all articles."""
        if ENTITIES not in variants:
            return data
        output, candidates = data.options["entities"], data.options["candidates"]
        if bool(output) == bool(candidates):
            raise EvaluationError(
                f"--variant {ENTITIES} needs --entities OUT, an output of mlukit build, or --candidates DIR"
                + ", not both" * bool(output)
            )
        wanted: dict[str, set[ArticleInLanguage]] = {}
        for test in (TRAIN, DEV, *data.tests):
            of_set = wanted.setdefault(_candidates_of(test, data), set())
            for one in data.examples(test):
                for language in (one.language, one.paragraph.language):
                    of_set.add(ArticleInLanguage(one.paragraph.title_language, one.paragraph.title, language))
        if candidates:
            if not any(wanted.values()):
                warn(f"--candidates {candidates} has names of articles only: one's own text gets no entities")
            return replace(data, resources=CandidateFiles.open(Path(candidates), wanted))
        names = OutputNames.open(Path(output), set().union(*wanted.values()))
        articles = {one[:2] for one in set().union(*wanted.values())}
        known = {one[:2] for one in names.articles}
        if articles:
            number = counted(len(articles), "article")
            say(f"--entities {output} has {len(known):,} of {number}; the linker reads texts about the others")
        return replace(data, resources=names)

    def head(self, data: TaskData, variant: str) -> Head:
        """Each token as the start and as the end."""
        return Head(states=1, outputs=2, softmax="rows")

    def inputs(self, data: TaskData, example: Question, variant: str, texts: TextEncoder) -> list[Input]:
        """A sequence for each window of the context."""
        paragraph, names = example.paragraph, data.resources if variant == ENTITIES else None
        asked = TextOfArticle(example.text, example.language, paragraph.title, paragraph.title_language)
        return answer_windows(_linked(asked, names, texts), _context(paragraph, names, texts), example.span, texts)

    def notes(self, data: TaskData, example: Question, inputs: Sequence[Input]) -> list[str]:
        """A question that was cut."""
        return [_CUT] * inputs[0].details.is_cut

    def summary(self, data: TaskData, variant: str, inputs: Sequence[Sequence[Input]]) -> str:
        """How many entities questions and windows have."""
        windows = [one for of_example in inputs for one in of_example]
        if variant != ENTITIES or not windows:
            return ""
        of_questions = [of_example[0].details.of_question for of_example in inputs if of_example]
        of_contexts = [len(one.entity_ids) - one.details.of_question for one in windows]
        question, context = sum(of_questions) / len(of_questions), sum(of_contexts) / len(windows)
        without = sum(not one.entity_ids for one in windows)
        return (
            f"{question:.2f} entities a question, {context:.2f} a window of the context; {without:,} of "
            f"{counted(len(windows), 'sequence')} have no entity"
        )

    def decode(self, data: TaskData, example: Question, inputs: Sequence[Input], scores: Sequence[Numbers]) -> Line:
        """The best answer over the windows, cut from the context."""
        found = best_answer([one.details for one in inputs], scores)
        if found is None:
            return {"answer": "", "score": 0.0}
        return {"answer": example.paragraph.context[found.start : found.end].strip(), "score": round(found.score, 4)}

    def counts(self, data: TaskData, name: str, predictions: Sequence[Line]) -> Numbers:
        """See `metrics.answers`."""
        found = {line["id"]: line.get("answer") for line in predictions}
        examples = data.examples(name)
        right, answers = [one.answers for one in examples], [found.get(one.id) for one in examples]
        language = ENGLISH if name == DEV else name.split("-")[1]
        by_mlqa = (
            answer_counts(right, answers, lambda answer: mlqa_words(answer, language))
            if language in MLQA_LANGUAGES
            else np.zeros((len(examples), 3))
        )
        main = by_mlqa if set_of(name) == MLQA else answer_counts(right, answers, squad_words)
        return np.hstack([main, by_mlqa])

    def numbers(self, data: TaskData, totals: Numbers) -> dict[str, float]:
        """See `metrics.answers`. XQuAD has its own rule, SQuAD's, and MLQA's beside it for the languages of MLQA."""
        by_mlqa = {f"{name} by MLQA": value for name, value in answer_numbers(totals[3:]).items()}
        return answer_numbers(totals[:3]) | (by_mlqa if totals[3] else {})

    def read_predictions(self, file: Path, data: TaskData, name: str) -> Sequence[Line]:
        """Reads the form of SQuAD and MLQA: an object of ids, each with the text of the answer."""
        try:
            found = json.loads(file.read_text(encoding="utf-8"))
        except ValueError as error:
            raise EvaluationError(f"{file} is not JSON: {error}") from error
        if not isinstance(found, dict) or not all(isinstance(answer, str) for answer in found.values()):
            raise EvaluationError(f'{file} is not like {{"id of a question": "answer"}}')
        return [{"id": name, "answer": answer} for name, answer in found.items()]

    def checkpoint_labels(self, names: Sequence[str]) -> tuple[str, ...]:
        """A published head has the start first."""
        return (_START, _END)

    def example_of_text(self, line: Mapping[str, Any], number: int) -> Question:
        """Reads a question and its context, and their language, which finds their entities."""
        question, context = line.get("question"), line.get("context")
        language = line.get("language", ENGLISH)
        of_question = line.get("question_language", language)
        if not all(isinstance(one, str) and one for one in (question, context, language, of_question)):
            raise EvaluationError(
                f'line {number} is not like {_FIRST_LINE}; "language" and "question_language" may be there too'
            )
        return Question(str(line.get("id", number)), str(question), of_question, Paragraph(str(context), language))


def _candidates_of(test: str, data: TaskData) -> str:
    """The set whose candidate files a test has."""
    trains_on_xquad = test in (TRAIN, DEV) and data.options["training"] == XQUAD
    return XQUAD if trains_on_xquad else set_of(test)


@lru_cache(maxsize=1)  # the questions of a paragraph follow each other
def _context(paragraph: Paragraph, names: Names | None, texts: TextEncoder) -> LinkedText:
    of_article = paragraph.language, paragraph.title, paragraph.title_language
    return _linked(TextOfArticle(paragraph.context, *of_article), names, texts)


def _linked(asked: TextOfArticle, names: Names | None, texts: TextEncoder) -> LinkedText:
    """A text in pieces, with the entities that the checkpoint has. The pieces are the same without entities."""
    pieces = texts.encode_placed(asked.text)
    found = names.find(asked) if names else []
    rows = texts.find_entities([one.entity for one in found])
    places = [pieces.overlapping(one.start, one.end) for one in found]
    entities = [
        Entity(row, *place) for row, place in zip(rows, places, strict=True) if row is not None and place[0] < place[1]
    ]
    return LinkedText(pieces, entities)


TASK = Questions()
