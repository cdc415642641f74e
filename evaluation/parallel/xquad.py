"""XQuAD [Artetxe et al. 2020, github.com/google-deepmind/xquad]: the answer spans of 1,190 questions in each language.

A file `xquad.{language}.json` is in SQuAD's form: articles of paragraphs, which have a context and questions. A question
has the same id in all languages, so its answer spans are aligned.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mlukit.evaluation.parallel.parallel_text import ParallelText, ParallelTextError, read_bytes

FORM = "xquad.{language}.json or xquad.{language}.json.gz of github.com/google-deepmind/xquad"
_NAME = re.compile(r"xquad\.([a-z]+)\.json(\.gz)?", re.ASCII)


def xquad_files(folder: Path) -> dict[str, Path]:
    """Returns the files of XQuAD in a folder by language, in alphabetical order."""
    found = ((_NAME.fullmatch(file.name), file) for file in sorted(folder.iterdir()))
    return {match[1]: file for match, file in found if match}


def read_xquad(file: Path, language: str) -> Iterator[ParallelText]:
    """Yields the contexts of a file with the spans of their first answers, by the ids of questions.

    Raises:
        ParallelTextError: the file has another form, or an answer is not where `answer_start` says.
    """
    try:
        articles = json.loads(read_bytes(file))["data"]
        paragraphs = [paragraph for article in articles for paragraph in article["paragraphs"]]
        contexts = [(one["context"], [_answer(question) for question in one["qas"]]) for one in paragraphs]
    except (ValueError, LookupError, TypeError) as error:
        raise ParallelTextError(f"{file} is not a file of XQuAD ({error!r}); accepted: {FORM}") from error
    for context, answers in contexts:
        for name, answer, start in answers:
            if not answer.strip() or context[start : start + len(answer)] != answer:
                raise ParallelTextError(
                    f"{file}: the answer {answer!r} of the question {name!r} does not begin at {start} of its context"
                )
        spans = {name: (start, start + len(answer)) for name, answer, start in answers}
        yield ParallelText(language, context, spans)


def _answer(question: Any) -> tuple[str, str, int]:
    answer = question["answers"][0]
    return str(question["id"]), str(answer["text"]), int(answer["answer_start"])
