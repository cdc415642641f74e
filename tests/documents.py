"""Code that documents show: their fenced blocks and what stands between backticks, and the command lines in it."""

import re
import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = sorted([*ROOT.glob("*.md"), ROOT / "sample/README.md", *(ROOT / "docs").rglob("*.md")])
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`([^`]+)`")
_VARIABLE = re.compile(r"(\w+)=(.*)", re.DOTALL)
ELLIPSIS = "…"


@dataclass(frozen=True)
class Code:
    """A piece of code in a document.

    Attributes:
        where: the document and the line, as editors and terminals understand them.
        language: what the fence says that the block is; None for code within a sentence.
    """

    where: str
    text: str
    language: str | None


@dataclass(frozen=True)
class CommandLine:
    """A call of a program.

    Attributes:
        words: the program and its arguments, without "…".
        whole: whether all arguments are there; of a command that a sentence only names they are not.
    """

    where: str
    words: tuple[str, ...]
    whole: bool

    def __str__(self) -> str:
        return f"{self.where}: {shlex.join(self.words)}"


def code_of(document: Path) -> Iterator[Code]:
    """All code of a document, fenced blocks first."""
    text, name = document.read_text(encoding="utf-8"), document.relative_to(ROOT).as_posix()
    for match in _FENCE.finditer(text):
        yield Code(f"{name}:{_line(text, match.start(2))}", match[2], match[1])
    prose = _FENCE.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text)
    for match in _INLINE.finditer(prose):
        yield Code(f"{name}:{_line(text, match.start())}", " ".join(match[1].split()), None)


def _line(text: str, start: int) -> int:
    return text.count("\n", 0, start) + 1


def command_lines(code: Code) -> Iterator[CommandLine]:
    """The command lines of a piece of code; none where it is a program, or text, or YAML."""
    if code.language is None:
        words = shlex.split(code.text) if _is_closed(code.text) else code.text.split()
        if known := tuple(word for word in words if word != ELLIPSIS):
            yield CommandLine(code.where, known, len(words) == len(known) and len(words) > 2)
    elif code.language in ("", "bash", "sh"):
        yield from _of_block(code)


def _is_closed(line: str) -> bool:
    try:
        shlex.split(line, comments=True)
    except ValueError:  # a quotation has no end, or nothing stands behind a backslash
        return False
    return True


def _of_block(code: Code) -> Iterator[CommandLine]:
    name, _, first = code.where.rpartition(":")
    variables: dict[str, str] = {}
    for number, line in _logical_lines(code.text.splitlines()):
        for words in _calls(line):
            while words and (match := _VARIABLE.fullmatch(words[0])):
                variables[match[1]] = match[2]
                words = words[1:]
            expanded = [part for word in words for part in _expand(word, variables)]
            known = tuple(word for word in expanded if word != ELLIPSIS)
            if known:
                yield CommandLine(f"{name}:{int(first) + number}", known, True)


def _logical_lines(lines: Iterable[str]) -> Iterator[tuple[int, str]]:
    """Lines as the shell reads them, with the number of the first: some go on behind a backslash or in a quotation."""
    pending, start = "", 0
    for number, line in enumerate(lines):
        start = start if pending else number
        pending += line
        if pending.endswith("\\"):
            pending = pending[:-1]
        elif _is_closed(pending):
            yield start, pending
            pending = ""
        else:
            pending += "\n"
    if pending.strip():
        yield start, pending


def _calls(line: str) -> Iterator[list[str]]:
    """The words of each call of a line, which `&&`, `|` and `;` part."""
    words = shlex.shlex(line, posix=True, punctuation_chars="&|;")
    words.whitespace_split = True
    call: list[str] = []
    for word in words:
        if set(word) <= set("&|;"):
            yield call
            call = []
        else:
            call.append(word)
    yield call


def _expand(word: str, variables: dict[str, str]) -> list[str]:
    return variables[word[1:]].split() if word.startswith("$") and word[1:] in variables else [word]
