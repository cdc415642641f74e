"""XQuAD [Artetxe et al. 2020]: the answer spans of 1,190 questions, aligned by the ids of the questions.

A question has the same id in all languages.
"""

from collections.abc import Iterator
from pathlib import Path

from mlukit.evaluation.data.official_files import official_set
from mlukit.evaluation.data.parallel_text import ParallelText
from mlukit.evaluation.data.squad_files import Paragraph, read_questions


def read_xquad(file: Path, language: str) -> Iterator[ParallelText]:
    """Yields the contexts of a file with the spans of their first answers, by the ids of questions.

    Raises:
        OfficialFileError: the file has another form, or an answer is not where `answer_start` says.
    """
    official = official_set("xquad")
    spans: dict[Paragraph, dict[str, tuple[int, int]]] = {}
    for question in read_questions(official, file, language, language, "en").questions:
        if question.span is None:
            shown = f"the answer {question.answers[0]!r}" if question.answers else "an answer"
            raise official.wrong(file, f"{shown} of question {question.id!r} is not at its answer_start")
        spans.setdefault(question.paragraph, {})[question.id] = question.span
    for paragraph, of_questions in spans.items():
        yield ParallelText(language, paragraph.context, of_questions)
