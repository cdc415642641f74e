"""Files in the form of SQuAD 1.1, which XQuAD and MLQA have too: articles of paragraphs, a context with questions."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlukit.evaluation.data.official_files import OfficialSet


@dataclass(frozen=True, slots=True, eq=False)
class Paragraph:
    """A text with questions about it.

    Attributes:
        context: the text.
        language: of the text.
        title: of the article, with blanks; "" for no title.
        title_language: of the Wikipedia that has the article: English for all languages of XQuAD.
    """

    context: str
    language: str
    title: str = ""
    title_language: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """A question with its answers.

    Attributes:
        id: of the set; the same in all languages.
        text: the question.
        language: of the question.
        paragraph: that has the answer.
        answers: all right answers.
        start: where the first answer begins in the context; None where the file's `answer_start` is wrong.
    """

    id: str
    text: str
    language: str
    paragraph: Paragraph
    answers: tuple[str, ...] = ()
    start: int | None = None

    @property
    def span(self) -> tuple[int, int] | None:
        """The first answer in the context; None if its place is not known."""
        return None if self.start is None else (self.start, self.start + len(self.answers[0]))


@dataclass(frozen=True, slots=True)
class QuestionFile:
    """What a file has.

    Attributes:
        path: of the file.
        articles: the questions of each article.
        unanswered: the ids of questions without an answer.
        misplaced: the ids of questions whose first answer is not where `answer_start` says.
    """

    path: Path
    articles: list[list[Question]]
    unanswered: list[str] = field(default_factory=list)
    misplaced: list[str] = field(default_factory=list)

    @property
    def questions(self) -> list[Question]:
        """The questions of all articles."""
        return [one for article in self.articles for one in article]


def read_questions(
    official: OfficialSet, path: Path, language: str, question_language: str, title_language: str
) -> QuestionFile:
    """Reads a file.

    Args:
        official: the set, for messages.
        path: of the file.
        language: of the contexts.
        question_language: of the questions.
        title_language: of the titles.

    Raises:
        OfficialFileError: the file has another form, or two questions with one id.
    """
    try:
        articles = json.loads(official.read_text(path))["data"]
        found = [list(_questions(one, language, question_language, title_language)) for one in articles]
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise official.wrong(path, f"it cannot be read ({error!r})") from error
    file = QuestionFile(path, found)
    ids = set[str]()
    for question in file.questions:
        if question.id in ids:
            raise official.wrong(path, f"it has two questions with the id {question.id!r}")
        ids.add(question.id)
        if not question.answers:
            file.unanswered.append(question.id)
        elif question.start is None:
            file.misplaced.append(question.id)
    if not ids:
        raise official.wrong(path, "it has no question")
    return file


def _questions(article: Any, language: str, question_language: str, title_language: str) -> Iterator[Question]:
    title = str(article.get("title", "")).replace("_", " ")
    for one in article["paragraphs"]:
        paragraph = Paragraph(str(one["context"]), language, title, title_language)
        for question in one["qas"]:
            answers = tuple(str(answer["text"]) for answer in question["answers"])
            start = int(question["answers"][0]["answer_start"]) if answers else -1
            is_there = start >= 0 and answers[0].strip() and paragraph.context.startswith(answers[0], start)
            place = start if is_there else None
            yield Question(str(question["id"]), str(question["question"]), question_language, paragraph, answers, place)
