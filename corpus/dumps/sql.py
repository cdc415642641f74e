"""Streaming reader of the SQL dumps that mysqldump and mariadb-dump write.

Columns are found by their names in CREATE TABLE, so new columns and another order do not matter. Each table has one
regular expression, which finds the tuples of a chunk. Its quantifiers are possessive, so time is linear for every text.
Memory is a few chunks, or a few times the longest tuple if that is more.

Grammar of literals: https://dev.mysql.com/doc/refman/8.4/en/string-literals.html
"""

import bz2
import gzip
import re
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import BinaryIO, TypeAlias, cast

import zstandard

Value: TypeAlias = int | bytes | None

CHUNK_BYTES = 1 << 18
LOOKAHEAD_BYTES = 1 << 16  # the longest head of a statement: INSERT INTO … VALUES
MAX_STATEMENT_BYTES = 1 << 20  # of a CREATE TABLE or a comment
MAX_TUPLE_BYTES = 1 << 25  # far above any row of the tables read here
MAX_TABLES_NAMED = 20  # in an error
MAX_ZSTD_WINDOW_BYTES = 1 << 27
COMPRESSIONS = (".sql", ".gz", ".bz2", ".zst")

# Before 3.11.5 Python loses its place where a possessive group fails within (cpython#106052; Debian 12 has 3.11.2).
# So groups are atomic instead, except groups that can only fail at their beginning.
_INSIDE = rb"[^'\\]*+(?:(?:\\.|'')[^'\\]*+)*+"  # of a string
_STRING = rb"'" + _INSIDE + rb"'"
_BARE = rb"[^'\"(),;\s]++"  # a number, NULL, 0x4142
_PREFIXED = rb"(?:_[a-z0-9]++\s*+|[xXnN])" + _STRING  # _binary 'ab', X'4142'
_ANY_VALUE = rb"(?:" + _STRING + rb"|" + _PREFIXED + rb"|" + _BARE + rb")"
_NAME = rb"(?:`[^`]++`\s*+\.\s*+)?[`\"]?([^\s`\"(),;]++)[`\"]?"

_COMMENT = rb"--[^\n]*+\n|#[^\n]*+\n|/\*[^*]*+\*++(?:[^*/][^*]*+\*++)*+/"
_IGNORED = re.compile(rb"(?>(?:[\s;]++|" + _COMMENT + rb")*)")
_CUT_COMMENT = re.compile(rb"--|#|/\*|[/-]\Z")
_CREATE = re.compile(rb"CREATE\s+(?:TEMPORARY\s+)?TABLE\s+(?:IF\s+NOT\s+EXISTS\s+)?" + _NAME + rb"\s*\(", re.I)
_INSERT = re.compile(
    rb"(?:INSERT|REPLACE)\s+(?:IGNORE\s+)?INTO\s+" + _NAME + rb"\s*(?:\(([^()]*+)\)\s*)?VALUES?\s*+", re.I
)
_OTHER_INSERT = re.compile(rb"INSERT\b|REPLACE\b", re.I)
_FORM = "INSERT [IGNORE] INTO table [(column, …)] VALUES (…), …; or the same with REPLACE INTO"
_STATEMENT_PART = re.compile(rb"(?>(?:[^;'\"`]++|" + _STRING + rb"|\"[^\"]*+\"|`[^`]*+`)*)", re.S)
_INNER = rb"\((?>(?:[^()']++|" + _STRING + rb"|\([^()]*+\))*)\)"
_PARENTHESES = rb"\((?>(?:[^()']++|" + _STRING + rb"|" + _INNER + rb")*)\)"  # three deep
_DEFINITION = re.compile(
    rb"\s*+(`[^`]++`|[^\s`(),]++)\s*+([a-z]*+)(?>(?:[^,'()]++|" + _STRING + rb"|" + _PARENTHESES + rb")*)([,)])",
    re.I | re.S,
)
_TUPLE = re.compile(rb"\s*+\(\s*+" + _ANY_VALUE + rb"(?:\s*+,\s*+" + _ANY_VALUE + rb")*+\s*+\)\s*+", re.S)
_NO_COLUMN = {b"primary", b"unique", b"key", b"index", b"fulltext", b"spatial", b"constraint", b"foreign", b"check"}
_INTEGERS = {b"tinyint", b"smallint", b"mediumint", b"int", b"integer", b"bigint"}
_ESCAPE = re.compile(rb"\\(.)|''", re.S)
_ESCAPES = {b"0": b"\0", b"b": b"\b", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"Z": b"\x1a", b"%": b"\\%", b"_": b"\\_"}


class SqlDumpError(ValueError):
    """A file is not an SQL dump, lacks a requested table or column, is malformed, or is cut off."""


@contextmanager
def open_sql(open_file: Callable[[str], BinaryIO], path: str) -> Iterator[BinaryIO]:
    """The SQL text of a dump, decompressed while it is read, in the format that the end of the file's name tells.

    A SqlDumpError raised while the file is open gets the path in front of its message. read_table finds damage of a
    compressed stream.

    Args:
        open_file: opens a path for reading bytes as they are on disk.
        path: the path of the file.

    Raises:
        SqlDumpError: the name does not end in one of COMPRESSIONS.
    """
    with ExitStack() as stack:
        if not path.endswith(COMPRESSIONS):
            raise SqlDumpError(
                f"{path}: the name does not tell the compression; accepted: names that end in {', '.join(COMPRESSIONS)}"
            )
        file = stack.enter_context(open_file(path))
        if path.endswith(".gz"):
            file = cast(BinaryIO, stack.enter_context(gzip.GzipFile(fileobj=file)))
        elif path.endswith(".bz2"):
            file = cast(BinaryIO, stack.enter_context(bz2.BZ2File(file)))
        elif path.endswith(".zst"):
            decompressor = zstandard.ZstdDecompressor(max_window_size=MAX_ZSTD_WINDOW_BYTES)
            file = cast(BinaryIO, stack.enter_context(decompressor.stream_reader(file, read_across_frames=True)))
        try:
            yield file
        except SqlDumpError as error:
            raise SqlDumpError(f"{path}: {error}") from error


def read_table(
    stream: BinaryIO,
    table: str,
    columns: Sequence[str],
    optional: Sequence[str] = (),
    integers: Collection[str] = (),
) -> Iterator[tuple[Value, ...]]:
    """The rows of a table, each with the values of `columns`, then of `optional`.

    A value is an int where CREATE TABLE declares an integer type, otherwise bytes without quotes and escapes (a number
    of another type is its text). None stands for NULL, and for an optional column that the table does not have.

    Args:
        stream: the SQL text.
        table: the table's name.
        columns: names of columns.
        optional: names of columns that may be missing.
        integers: names of columns that must have an integer type.

    Raises:
        SqlDumpError: while rows are read: a table or column is missing, the SQL is malformed, or the dump is cut off
            within a statement or before the `-- Dump completed` that belongs to a `-- MySQL dump` head.
    """
    for values in read_columns(stream, table, columns, optional, integers):
        yield from zip(*values, strict=True)


def read_columns(
    stream: BinaryIO,
    table: str,
    columns: Sequence[str],
    optional: Sequence[str] = (),
    integers: Collection[str] = (),
) -> Iterator[list[Sequence[Value]]]:
    """`read_table` by columns: the values of each column, for the rows of one chunk of the dump at a time."""
    if not columns:
        raise ValueError("no columns were requested; accepted: at least one")
    text = _SqlText(stream)
    found: list[str] = []
    types: Mapping[str, bytes] | None = None
    while text.next_statement():
        if create := text.take(_CREATE):
            name, body = _decoded(create[1]), text.take_statement()
            if len(found) < MAX_TABLES_NAMED:
                found.append(name)
            if name == table:
                types = _column_types(body)
                _check_columns(table, columns, types)
                _check_integers(table, integers, types)
            continue
        insert = text.take(_INSERT)
        if insert and _decoded(insert[1]) == table:
            if types is None:
                raise SqlDumpError(f"INSERT INTO `{table}` at byte {text.position} has no CREATE TABLE before it")
            order = list(types) if insert[2] is None else _insert_columns(table, columns, types, insert[2])
            yield from _rows(text, _RowPattern(insert[0], order, (*columns, *optional), types))
        elif not insert and text.take(_OTHER_INSERT):
            raise SqlDumpError(f"the INSERT at byte {text.position} has an unknown form; accepted: {_FORM}")
        else:
            text.skip_statement()
    if types is None:
        raise SqlDumpError(f"the dump has no table `{table}`; tables in the dump: {', '.join(found) or 'none'}")


class _SqlText:
    """A window that moves over the text of a dump, one statement after the other."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._start = 0  # bytes of text before the window
        self._ended = False
        self._must_complete = False
        self._completed = False
        self.window = b""
        self.offset = 0  # of the next byte to read, in the window

    @property
    def position(self) -> int:
        """The number of bytes of SQL text before the next byte."""
        return self._start + self.offset

    def fill(self, limit: int) -> bool:
        """Reads more text; False at the end. The unread text doubles each time, so a long value takes linear time."""
        rest = self.window[self.offset :]
        if len(rest) > limit:
            raise SqlDumpError(
                f"malformed SQL at byte {self.position}: {rest[:80]!r} does not end within {limit} bytes"
            )
        chunk = b"" if self._ended else self._read(max(CHUNK_BYTES, len(rest)))
        if not chunk and not self._ended:
            self._ended, chunk = True, b"\n"  # so that a comment in the last line ends like any other
        self._start, self.offset, self.window = self.position, 0, rest + chunk
        return bool(chunk)

    def _read(self, size: int) -> bytes:
        try:
            return self._stream.read(size)
        except (OSError, EOFError, zlib.error, zstandard.ZstdError) as error:
            raise SqlDumpError(
                f"the dump cannot be read after byte {self._start + len(self.window)}: {error}"
            ) from error

    def next_statement(self) -> bool:
        """Moves to the next statement, past comments; False at the end of a complete dump."""
        while True:
            start, self.offset = self.offset, cast("re.Match[bytes]", _IGNORED.match(self.window, self.offset)).end()
            passed = self.window[start : self.offset]
            self._must_complete |= b"-- MySQL dump" in passed or b"-- MariaDB dump" in passed
            self._completed |= b"-- Dump completed" in passed
            cut = len(self.window) - self.offset < LOOKAHEAD_BYTES and not self._ended
            if not cut and not _CUT_COMMENT.match(self.window, self.offset):
                break
            if not self.fill(MAX_STATEMENT_BYTES):
                break
        if self.offset == len(self.window) and self._must_complete and not self._completed:
            raise SqlDumpError(f"the dump is cut off: it ends after {self.position} bytes without '-- Dump completed'")
        return self.offset < len(self.window)

    def take(self, pattern: re.Pattern[bytes]) -> "re.Match[bytes] | None":
        """The match at the next byte; moves to the end of the match."""
        match = pattern.match(self.window, self.offset)
        self.offset = match.end() if match else self.offset
        return match

    def take_statement(self) -> bytes:
        """The rest of a statement, without its semicolon; a statement has at most MAX_STATEMENT_BYTES."""
        while True:
            end = cast("re.Match[bytes]", _STATEMENT_PART.match(self.window, self.offset)).end()
            if self.window[end : end + 1] == b";":
                statement, self.offset = self.window[self.offset : end], end + 1
                return statement
            if not self.fill(MAX_STATEMENT_BYTES):
                raise self.cut_off()

    def skip_statement(self) -> None:
        """Moves to the end of a statement of any length."""
        while True:
            self.offset = cast("re.Match[bytes]", _STATEMENT_PART.match(self.window, self.offset)).end()
            if self.window[self.offset : self.offset + 1] == b";":
                self.offset += 1
                return
            if not self.fill(MAX_TUPLE_BYTES):
                raise self.cut_off()

    def cut_off(self) -> SqlDumpError:
        """The error for a dump that ends in the middle of a statement."""
        rest = self.window[self.offset : self.offset + 80]
        return SqlDumpError(f"the dump is cut off: it ends within a statement, after byte {self.position}: {rest!r}")


class _RowPattern:
    """Finds the tuples of an INSERT, and converts them to values.

    The expression is `tuple separator | rest`: one findall finds every complete tuple in the window, and the length of
    the rest shows where the tuples end. The next INSERT with the same head counts as a separator, so that many
    statements of one tuple each are read as fast as one long statement.
    """

    def __init__(self, head: bytes, order: Sequence[str], columns: Sequence[str], types: Mapping[str, bytes]) -> None:
        self.width = len(order)
        self._group: dict[str, int] = {}
        groups = 0
        values = []
        for column in order:
            if column not in columns:
                values.append(_ANY_VALUE)
                continue
            self._group[column] = groups
            if types[column] in _INTEGERS:
                values.append(rb"(-?[0-9]{1,20}+|(?i:NULL)|'-?[0-9]{1,20}+')")
                groups += 1
            else:
                values.append(rb"(?:'(" + _INSIDE + rb")'|(" + _PREFIXED + rb"|" + _BARE + rb"))")
                groups += 2
        self._wanted = [(self._group.get(column), types.get(column) in _INTEGERS) for column in columns]
        same = rb"\s++".join(re.escape(word) for word in head.split())
        tuple_ = rb"\s*+\(\s*+" + rb"\s*+,\s*+".join(values) + rb"\s*+\)"
        separator = rb"\s*+(?:,|;\s*+" + same + rb"|;)"
        self._pattern = re.compile(tuple_ + separator + rb"|(.++)", re.S)

    def split(self, window: bytes, start: int, stop: int) -> tuple[list[tuple[bytes, ...]], int]:
        """The groups of every complete tuple between `start` and `stop`, and the offset of the rest."""
        rows = cast("list[tuple[bytes, ...]]", self._pattern.findall(window, start, stop))
        rest = rows.pop()[-1] if rows and rows[-1][-1] else b""
        return rows, stop - len(rest)

    def values(self, rows: list[tuple[bytes, ...]]) -> list[Sequence[Value]]:
        """The values by column, which is several times faster than row by row."""
        columns: list[Sequence[Value]] = []
        for group, integer in self._wanted:
            if group is None:
                columns.append([None] * len(rows))
            elif integer:
                columns.append(_integers([row[group] for row in rows]))
            else:
                columns.append(_strings([row[group] for row in rows], [row[group + 1] for row in rows]))
        return columns


def _rows(text: _SqlText, pattern: _RowPattern) -> Iterator[list[Sequence[Value]]]:
    """The rows of one INSERT, and of the following INSERTs with the same head, by columns."""
    span = CHUNK_BYTES  # bytes searched at once; each search copies the rest, so not all of a large window
    while True:
        stop = min(text.offset + span, len(text.window))
        rows, end = pattern.split(text.window, text.offset, stop)
        if rows:
            yield pattern.values(rows)
            text.offset, span = end, CHUNK_BYTES
            if text.window[end - 1 : end] == b";":
                return
        elif stop < len(text.window):
            span *= 2
        elif bad := _malformed(text.window, text.offset, pattern.width):
            raise SqlDumpError(f"malformed SQL at byte {text.position}: {bad}")
        elif not text.fill(MAX_TUPLE_BYTES):
            raise text.cut_off()


def _malformed(window: bytes, offset: int, width: int) -> str | None:
    """The error in the rest of an INSERT; None if the INSERT may continue after the window."""
    if window[offset : offset + 80].lstrip()[:1] not in (b"(", b""):
        return f"found {window[offset : offset + 80]!r} where a tuple was expected"
    whole = _TUPLE.match(window, offset)
    if whole and whole.end() < len(window):
        tuple_ = window[offset : whole.end() + 1][:200]
        return f"{tuple_!r} is not a tuple of {width} values of the declared types, followed by , or ;"
    return None


def _integers(literals: list[bytes]) -> list[int | None]:
    """The values of a column of integers."""
    try:
        return list(map(int, literals))
    except ValueError:  # a NULL or a number in quotes
        return [None if literal.upper() == b"NULL" else int(literal.strip(b"'")) for literal in literals]


def _strings(quoted: list[bytes], others: list[bytes]) -> Sequence[bytes | None]:
    """The values of a column of strings.

    Args:
        quoted: the texts between quotes; b"" for a literal of another form.
        others: the literals of another form; b"" for a text between quotes.
    """
    column = b",".join(quoted)
    if b"''" in column:
        quoted = [_ESCAPE.sub(_unescaped, value) for value in quoted]
    elif b"\\" in column:
        quoted = [_ESCAPE.sub(_unescaped, value) if b"\\" in value else value for value in quoted]
    if not any(others):
        return quoted
    return [_other_literal(other) if other else value for value, other in zip(quoted, others, strict=True)]


def _unescaped(match: "re.Match[bytes]") -> bytes:
    return b"'" if match[1] is None else _ESCAPES.get(match[1], match[1])


def _other_literal(literal: bytes) -> bytes | None:
    """The value of a literal without plain quotes: NULL, 0x4142, X'4142', _binary 'AB'; of a number, its text."""
    if literal.upper() == b"NULL":
        return None
    prefix, quote, rest = literal.partition(b"'")
    try:
        if quote and prefix.lower() == b"x":
            return bytes.fromhex(rest[:-1].decode("ascii"))
        if not quote and prefix[:2] == b"0x":
            return bytes.fromhex(prefix[2:].decode("ascii"))
    except ValueError as error:
        raise SqlDumpError(f"malformed hexadecimal literal {literal[:80]!r}") from error
    return _ESCAPE.sub(_unescaped, rest[:-1]) if quote else literal


def _column_types(body: bytes) -> dict[str, bytes]:
    """The columns of a CREATE TABLE, in their order: name -> type in small letters."""
    types: dict[str, bytes] = {}
    offset = 0
    while definition := _DEFINITION.match(body, offset):
        name, column_type, end = definition.groups()
        if name.lower() not in _NO_COLUMN:
            types[_decoded(name.strip(b"`"))] = column_type.lower()
        if end == b")":
            return types
        offset = definition.end()
    raise SqlDumpError(
        f"CREATE TABLE cannot be read from {body[offset : offset + 80]!r} on; accepted: name type …, and keys"
    )


def _check_columns(table: str, columns: Sequence[str], present: Mapping[str, bytes] | Sequence[str]) -> None:
    """Raises a SqlDumpError if a column is missing."""
    missing = [column for column in columns if column not in present]
    if missing:
        raise SqlDumpError(f"table `{table}` has no column {', '.join(missing)}; its columns: {', '.join(present)}")


def _check_integers(table: str, integers: Collection[str], types: Mapping[str, bytes]) -> None:
    """Raises a SqlDumpError if a column of `integers` has another type."""
    for column in integers:
        if column in types and types[column] not in _INTEGERS:
            accepted = ", ".join(sorted(map(_decoded, _INTEGERS)))
            raise SqlDumpError(
                f"column {column} of `{table}` has the type {_decoded(types[column])}; accepted: {accepted}"
            )


def _insert_columns(table: str, columns: Sequence[str], types: Mapping[str, bytes], names: bytes) -> list[str]:
    """The columns that `INSERT INTO table (…) VALUES` names."""
    order = [_decoded(name.strip(b' \t\r\n`"')) for name in names.split(b",")]
    _check_columns(table, columns, order)
    _check_columns(table, order, types)
    return order


def _decoded(name: bytes) -> str:
    return name.decode("utf-8", "replace")
