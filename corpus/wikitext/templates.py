"""Expands templates: finds them by one scan over the braces, and shows the pattern in the language's table, or a gap.

The pairs of braces follow MediaWiki 1.39's Preprocessor_Hash: a stack of "{{" and "[[", of which only the innermost can
be closed. Three closing braces end a parameter, two end a template; braces that stay open are text.
"""

import re
from dataclasses import dataclass, field

from mlukit.corpus.languages.fold_name import fold_name
from mlukit.corpus.wikitext.markers import END_TEMPLATE, GAP, NOTE, PIPE, TAG, TAG_END
from mlukit.corpus.wikitext.parser_functions import Functions
from mlukit.corpus.wikitext.template_pattern import Pattern, split_arguments
from mlukit.corpus.wikitext.template_table import TemplateTable

_LONGEST_SETTING = 40  # characters: "30em", "decimal"
MAX_DEPTH = 40  # of templates within arguments of templates, as in MediaWiki; deeper templates show nothing

_OPEN = re.compile(r"\{\{+")
_EDGE = re.compile(r"\{\{+|\}\}+|\[\[|\]\]")
_NO_TITLE = re.compile(r"[\[\]<>{}\n]")  # MediaWiki 1.39, Parser::braceSubstitution: braces with such a name stay text
_LINK = "[["


@dataclass(slots=True)
class _Piece:
    """An open "{{" (`braces` braces, which end at `start`) or "[[" (0 braces), with the edits made inside of it."""

    start: int
    braces: int
    edits: list[tuple[int, int, str]] = field(default_factory=list)


@dataclass(slots=True)
class TemplateReader:
    """Expands the templates of one page."""

    table: TemplateTable
    functions: Functions
    shown: bool = True  # False: no template shows text
    names: dict[str, Pattern | None] = field(default_factory=dict)  # all templates found, in order, and their patterns
    dropped: list[str] = field(default_factory=list)  # texts of templates that show nothing
    _dropped: list[tuple[int, int]] = field(
        default_factory=list
    )  # (start, end) of these templates; without those that lie in another one

    def expand(self, text: str) -> str:
        """`text` with every template replaced by the text that a reader sees, or by a gap."""
        position = text.find("{{")
        if position < 0:
            return text
        edits: list[tuple[int, int, str]] = []
        while position >= 0:
            position = self._expand_from(text, position, edits)
            position = text.find("{{", position)
        self.dropped += (text[start:end] for start, end in self._dropped)
        self._dropped.clear()
        return _edited(text, 0, len(text), edits)

    def _expand_from(self, text: str, position: int, edits: list[tuple[int, int, str]]) -> int:
        """Expands the template at `position`, appends its edit to `edits`, and returns where to continue."""
        stack: list[_Piece] = []
        edge = _EDGE.search(text, position)
        while edge:
            mark = edge[0]
            end = edge.end()
            if mark[0] == "{":
                stack.append(_Piece(end, len(mark)))
            elif mark == _LINK:
                stack.append(_Piece(end, 0))
            elif mark == "]]":
                if not stack[-1].braces:
                    inner = stack.pop()
                    stack[-1].edits += inner.edits
            elif stack[-1].braces:
                end = self._close(text, edge.start(), len(mark), stack, edits)
                if not stack:
                    return end
            edge = _EDGE.search(text, end)
        for piece in stack:
            edits += piece.edits
        return len(text)

    def _close(self, text: str, end: int, closing: int, stack: list[_Piece], edits: list[tuple[int, int, str]]) -> int:
        """Closes the innermost piece with two or three of the `closing` braces at `end`; returns where to continue."""
        piece = stack[-1]
        braces = min(closing, piece.braces, 3)
        shown = self._parameter(text, piece, end) if braces == 3 else self._template(text, piece, end, len(stack))
        edit = (piece.start - braces, end + braces, shown)
        piece.braces -= braces
        piece.start -= braces
        piece.edits = [edit]
        if piece.braces < 2:
            stack.pop()
            (stack[-1].edits if stack else edits).append(edit)
        return end + braces

    def _parameter(self, text: str, piece: _Piece, end: int) -> str:
        """The text of {{{name|default}}} on a page that is not itself a template."""
        inner = _edited(text, piece.start, end, piece.edits)
        _, pipe, default = inner.partition("|")
        return default if pipe else "{{{" + inner + "}}}"

    def _template(self, text: str, piece: _Piece, end: int, depth: int) -> str:
        """The text of a template or magic word.

        Args:
            text: the page.
            piece: the open braces.
            end: where the closing braces begin.
            depth: the number of open pieces, including this one.
        """
        start = piece.start
        name_end = text.find("|", start, end)
        name_end = end if name_end < 0 else name_end
        if piece.edits and piece.edits[0][0] < name_end:
            return self._computed_name(text, piece, end)
        name = text[start:name_end].strip()
        pattern = self._pattern(name)
        if pattern is not None and depth <= MAX_DEPTH:
            return self._rendered(pattern, name, text, piece, name_end, end)
        if ":" in name or not name.islower() or not name[:1].isalnum():
            value = self.functions.value(name, lambda: _edited(text, start, end, piece.edits))
            if value is not None:
                return value
        if (not name or _NO_TITLE.search(name)) and ":" not in name:
            return "{{" + _edited(text, start, end, piece.edits) + "}}"
        if (note := self.table.is_note(name)) or depth > 1:
            return self._drop(start, end, NOTE if note else GAP)
        if (shown := self._list(text, piece, name_end, end)) and fold_name(name) not in self.table.boxes:
            return shown
        begins_line = text[max(0, start - 3) : start - 2] in ("", "\n")
        return self._drop(start, end, END_TEMPLATE if begins_line and self.table.ends_table(name) else GAP)

    def _pattern(self, name: str) -> Pattern | None:
        """The pattern of a template, looked up once for each name on a page."""
        if name not in self.names:
            self.names[name] = self.table.pattern(name) if self.shown else None
        return self.names[name]

    def _rendered(self, pattern: Pattern, name: str, text: str, piece: _Piece, name_end: int, end: int) -> str:
        """The text that a pattern makes from a template's arguments, which are `text[name_end:end]`."""
        given = _edited(text, name_end, end, _without_pipes(piece.edits))
        shown = pattern.render(given, self.table.conventions).replace(PIPE, "|")
        if shown == GAP and self.table.is_note(name):
            return NOTE
        spaced = text.startswith("| ", name_end) and text[max(0, piece.start - 3) : piece.start - 2].isalnum()
        return (" " if spaced else "") + TAG + shown + TAG_END  # as within a <span>

    def _drop(self, start: int, end: int, marker: str = GAP) -> str:
        """Notes a dropped template, in place of the dropped templates inside of it, and returns its marker."""
        while self._dropped and self._dropped[-1][0] >= start:
            self._dropped.pop()
        self._dropped.append((start, end))
        return marker

    def _list(self, text: str, piece: _Piece, start: int, end: int) -> str:
        """The list in an unknown template with only one list and settings, because such templates make columns."""
        if not self.shown or (text.find("\n*", start, end) < 0 and text.find("\n#", start, end) < 0):
            return ""
        given = split_arguments(_edited(text, start, end, _without_pipes(piece.edits)))
        lists = [value for name, value in given.items() if name.isdecimal() and value.startswith(("\n*", "\n#"))]
        if len(lists) != 1 or any(len(value) > _LONGEST_SETTING for value in given.values() if value != lists[0]):
            return ""
        return f"{lists[0]}\n".replace(PIPE, "|")

    def _computed_name(self, text: str, piece: _Piece, end: int) -> str:
        """The text of a template or function, if a template made its name or first argument."""
        inner = _edited(text, piece.start, end, piece.edits)
        name = inner.partition("|")[0].strip()
        value = self.functions.value(name, lambda: inner) if ":" in name else None
        return self._drop(piece.start, end) if value is None else value


def _without_pipes(edits: list[tuple[int, int, str]]) -> list[tuple[int, int, str]]:
    """The edits with PIPE for "|", because a "|" that a template made does not separate arguments."""
    return [(start, end, shown.replace("|", PIPE)) for start, end, shown in edits]


def _edited(text: str, start: int, end: int, edits: list[tuple[int, int, str]]) -> str:
    """`text[start:end]` with its edits applied; edits are in order and do not overlap."""
    if not edits:
        return text[start:end]
    out: list[str] = []
    position = start
    for edit_start, edit_end, shown in edits:
        if edit_start < start:
            continue
        out += (text[position:edit_start], shown)
        position = edit_end
    out.append(text[position:end])
    return "".join(out)
