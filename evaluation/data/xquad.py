"""XQuAD [Artetxe et al. 2020]: the answer spans of 1,190 questions, aligned by the ids of the questions.

A file is in SQuAD's form: articles of paragraphs, which have a context and questions. A question has the same id in all
languages.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mlukit.evaluation.data.official_files import official_set
from mlukit.evaluation.data.parallel_text import ParallelText


def read_xquad(file: Path, language: str) -> Iterator[ParallelText]:
    """Yields the contexts of a file with the spans of their first answers, by the ids of questions.

    Raises:
        OfficialFileError: the file has another form, or an answer is not where `answer_start` says.
    """
    official = official_set("xquad")
    try:
        articles = json.loads(official.read_text(file))["data"]
        paragraphs = [paragraph for article in articles for paragraph in article["paragraphs"]]
        contexts = [(str(one["context"]), [_answer(question) for question in one["qas"]]) for one in paragraphs]
    except (ValueError, LookupError, TypeError) as error:
        raise official.wrong(file, f"it cannot be read ({error!r})") from error
    for context, answers in contexts:
        for name, answer, start in answers:
            if not answer.strip() or start < 0 or context[start : start + len(answer)] != answer:
                raise official.wrong(
                    file, f"the answer {answer!r} of question {name!r} is not at {start} of its context"
                )
        yield ParallelText(language, context, {name: (start, start + len(answer)) for name, answer, start in answers})


def _answer(question: Any) -> tuple[str, str, int]:
    answer = question["answers"][0]
    return str(question["id"]), str(answer["text"]), int(answer["answer_start"])
