"""Names by given files, in the form of LUKE's code (studio-ousia/luke, examples/reading_comprehension).

A file has an object: the title of each article, and for it an object of names, each with the title of its entity in
the Wikipedia of the texts' language. The files have the names that LUKE's authors gave them, in DIR or a folder of it:

    squad/train-dev-v1.1.json                         English texts about articles of SQuAD, XQuAD's too
    xquad/dev-v1.1.de.json                            German texts about the same articles
    mlqa/test-context-de-question-de.json             German texts about articles of the German part of MLQA
    mlqa/test-context-de-question-es.trans.json       Spanish questions about them
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlukit.evaluation.errors import EvaluationError, warn
from mlukit.evaluation.linking.article_names import ArticleInLanguage
from mlukit.evaluation.linking.found_names import FoundName, NameDictionary, TextOfArticle
from mlukit.schemas.wording import counted

SQUAD, XQUAD, MLQA = "squad", "xquad", "mlqa"
_FORM = '{"title of an article": {"name in the text": "title of an entity"}}'


@dataclass(frozen=True, slots=True, eq=False)
class CandidateFiles:
    """Finds names by files.

    Attributes:
        folder: of the files.
        articles: the names of each article.
    """

    folder: Path
    articles: dict[ArticleInLanguage, NameDictionary] = field(default_factory=dict)

    @classmethod
    def open(cls, folder: Path, wanted: Mapping[str, Collection[ArticleInLanguage]]) -> "CandidateFiles":
        """Reads the files.

        Args:
            folder: --candidates.
            wanted: for each set, all articles with the languages of the texts about them.

        Raises:
            EvaluationError: a file is missing, or has another form.
        """
        opened, missing = cls(folder), set[ArticleInLanguage]()
        for name, articles in wanted.items():
            for languages in sorted({(one.title_language, one.language) for one in articles}):
                content = _read(_file(folder, name, *languages))
                for one in articles:
                    if (one.title_language, one.language) == languages:
                        entities = content.get(one.title)
                        if entities is None:
                            missing.add(one)
                            continue
                        titles = {text: f"{one.language}:{title}" for text, title in entities.items()}
                        opened.articles[one] = NameDictionary.make(one.language, titles)
        if missing:
            some = ", ".join(sorted({one.title for one in missing})[:5])
            number = counted(len(missing), "article")
            warn(f"--candidates {folder} has no names for {number}, whose texts get no entities: {some}")
        return opened

    def find(self, asked: TextOfArticle) -> list[FoundName]:
        """See `Names`."""
        names = self.articles.get(ArticleInLanguage(asked.title_language, asked.title, asked.language))
        return names.find(asked.text) if names else []


def _file(folder: Path, name: str, title_language: str, language: str) -> Path:
    """The file of some texts.

    Raises:
        EvaluationError: there is no such file.
    """
    if name == MLQA:
        ending = "json" if language == title_language else "trans.json"
        accepted = [f"{MLQA}/test-context-{title_language}-question-{language}.{ending}"]
    else:
        accepted = [f"{XQUAD}/dev-v1.1.{language}.json"] if name == XQUAD else []
        accepted += [f"{SQUAD}/train-dev-v1.1.json"] if language == "en" else []
    for one in accepted:
        for place in (folder / one, folder / Path(one).name):
            if place.is_file():
                return place
    raise EvaluationError(f"--candidates {folder} has no {' or '.join(accepted)}: a file like {_FORM}")


def _read(file: Path) -> dict[str, dict[str, str]]:
    try:
        content: Any = json.loads(file.read_text(encoding="utf-8"))
        return {str(title): {str(name): str(one) for name, one in names.items()} for title, names in content.items()}
    except (ValueError, AttributeError) as error:
        raise EvaluationError(f"{file} cannot be read ({error}): it should be like {_FORM}") from error
