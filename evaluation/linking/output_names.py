"""Names by an output of `mlukit build`: of the article where the output has the article, else by the linker."""

from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

from mlukit.evaluation.errors import warn
from mlukit.evaluation.linking.article_names import ArticleInLanguage, article_names
from mlukit.evaluation.linking.found_names import FoundName, NameDictionary, TextOfArticle
from mlukit.linker.linker import Linker
from mlukit.linker.output_files import languages_of, open_dictionary


@dataclass(frozen=True, slots=True, eq=False)
class OutputNames:
    """Finds names by an output. It opens each linker when it is needed first.

    Attributes:
        output: the output folder.
        articles: the names of each article that the output has.
    """

    output: Path
    articles: dict[ArticleInLanguage, NameDictionary]
    _linkers: dict[str, Linker | None] = field(default_factory=dict)  # None: the output does not have the language

    @classmethod
    def open(cls, output: Path, wanted: Collection[ArticleInLanguage]) -> "OutputNames":
        """Reads the names of articles, and opens the linkers of texts whose article is not there.

        Args:
            output: the output folder.
            wanted: all articles, with the languages of the texts about them.

        Raises:
            LinkerError: the output has no mention dictionary, or has no link probabilities and a linker is needed; the
                text names the command to run.
        """
        languages_of(output)
        names = cls(output, article_names(output, wanted))
        for language in sorted({one.language for one in wanted if one not in names.articles}):
            names.linker(language)
        return names

    def linker(self, language: str) -> Linker | None:
        """The linker of a language, which chooses the most frequent item; None if the output lacks the language."""
        if language not in self._linkers:
            if language in languages_of(self.output):
                self._linkers[language] = Linker(open_dictionary(self.output, language))
            else:
                warn(f"{self.output} does not have the language {language}: texts in it get no entities")
                self._linkers[language] = None
        return self._linkers[language]

    def find(self, asked: TextOfArticle) -> list[FoundName]:
        """See `Names`."""
        if names := self.articles.get(ArticleInLanguage(asked.title_language, asked.title, asked.language)):
            return names.find(asked.text)
        linker = self.linker(asked.language)
        return [] if linker is None else [FoundName(one.start, one.end, one.qid) for one in linker(asked.text)]
