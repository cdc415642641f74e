"""Magic words and parser functions that depend only on the page: {{PAGENAME}}, {{formatnum:1234}}, {{lc:X}}."""

from collections.abc import Callable
from dataclasses import dataclass

from mlukit.corpus.wikitext.extension_tags import Stripped, strip_extension_tags
from mlukit.corpus.wikitext.markers import GAP
from mlukit.corpus.wikitext.template_pattern import split_arguments
from mlukit.corpus.wikitext.template_table import TemplateTable

_CASES: dict[str, Callable[[str], str]] = {
    "lc": str.lower,
    "uc": str.upper,
    "lcfirst": lambda text: text[:1].lower() + text[1:],
    "ucfirst": lambda text: text[:1].upper() + text[1:],
}
# {{!}} and {{=}} are MediaWiki's own; the others are templates that nearly all Wikipedias have.
_CODE = {
    "!": "|",
    "=": "=",
    "!!": "||",
    "!-": "|-",
    "(!": "{|",
    "!)": "|}",
    "!+": "|+",
    "!(": "[",
    ")!": "]",
    "((": "{{",
    "))": "}}",
}
_PAGE_NAMES = frozenset({"pagename", "fullpagename", "basepagename", "subpagename", "rootpagename"})


@dataclass(frozen=True, slots=True)
class Functions:
    """Values of magic words on one page."""

    title: str
    table: TemplateTable
    stripped: Stripped

    def value(self, name: str, inner: Callable[[], str]) -> str | None:
        """The value of the magic word or parser function `{{name|…}}`.

        Args:
            name: the text before the first "|".
            inner: returns the whole text between the braces; called only if it is needed.

        Returns:
            None for other templates, and for functions whose value depends on more than the page.
        """
        if name in _CODE:
            return _CODE[name]
        written, colon, _ = name.partition(":")
        function = written.strip().lower()
        function = self.table.functions.get(function, function)
        if not colon:
            return self.title if function in _PAGE_NAMES and not name.islower() else None
        argument = inner().partition(":")[2]
        if function in _CASES:
            return _CASES[function](argument.strip())
        if function == "formatnum":
            number, pipe, _ = argument.partition("|")
            numbers = self.table.conventions.numbers
            return numbers.plain(number.strip()) if pipe else numbers.written(number.strip())
        return self._tag(argument) if function == "#tag" else None

    def _tag(self, argument: str) -> str:
        """The text of {{#tag:name|content|attributes}}, which stands for <name attributes>content</name>."""
        name, _, given = argument.partition("|")
        name = name.strip().lower()
        content = split_arguments(f"|{given}").get("1", "")
        return strip_extension_tags(f"<{name}>{content}</{name}>", self.stripped) if name.isalnum() else GAP
