"""corpus.dumps.sql: every layout that dumps come in, and every way in which they are broken."""

import bz2
import gzip
import io
import tracemalloc
from itertools import islice
from pathlib import Path
from typing import BinaryIO

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from mlukit.corpus.dumps import sql as sql_dump
from mlukit.corpus.dumps.sql import SqlDumpError, Value, open_sql, read_table

SHARED = Path(__file__).resolve().parents[3].parent / "shared/data"
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason=f"real dumps are not in {SHARED}")

CREATE = b"""CREATE TABLE `t` (
  `id` int(8) unsigned NOT NULL AUTO_INCREMENT,
  `title` varbinary(255) NOT NULL DEFAULT '' COMMENT 'a, (b',
  `kind` enum('page','sub(cat','fi,le') NOT NULL DEFAULT 'page',
  `score` double DEFAULT NULL,
  PRIMARY KEY (`id`),
  KEY `title` (`title`(10),`kind`)
) ENGINE=InnoDB DEFAULT CHARSET=binary;
"""


def rows(sql: bytes, *columns: str) -> list[tuple[Value, ...]]:
    return list(read_table(io.BytesIO(sql), "t", columns or ("id", "title", "kind", "score")))


def open_plain(path: str) -> BinaryIO:
    return Path(path).open("rb")


class ShortReads(io.BytesIO):
    """A stream that gives a few bytes at a time, so that every byte is a border once."""

    def __init__(self, data: bytes, step: int) -> None:
        super().__init__(data)
        self.step = step

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(self.step)


class Repeated(io.BytesIO):
    """A stream of `head`, `count` times `body`, and `tail` that is never whole in memory."""

    def __init__(self, head: bytes, body: bytes, count: int, tail: bytes) -> None:
        super().__init__()
        self.parts = [(head, 1), (body, count), (tail, 1)]
        self.left = b""

    def read(self, size: int | None = -1, /) -> bytes:
        assert size is not None
        while len(self.left) < size and self.parts:
            part, count = self.parts.pop(0)
            take = min(count, size // max(1, len(part)) + 1)
            if count > take:
                self.parts.insert(0, (part, count - take))
            self.left += part * take
        given, self.left = self.left[:size], self.left[size:]
        return given


@pytest.mark.parametrize(
    "insert",
    [
        b"INSERT INTO `t` VALUES (1,'A','page',0.5),(2,'B','page',NULL);\n",
        b"INSERT INTO `t` VALUES\n(1,'A','page',0.5),\n(2,'B','page',NULL);\n",
        b"INSERT INTO `t` VALUES (1,'A','page',0.5);INSERT INTO `t` VALUES (2,'B','page',NULL);",
        b"insert ignore into t (title, `id`, kind, score) values ('A', 1, 'page', 0.5) , ( 'B',2,'page', NULL ) ;",
        b"REPLACE INTO `db`.`t` (`id`,`title`,`score`,`kind`) VALUES (1,'A',0.5,'page'),\r\n"
        b"(2,_binary 'B',NULL,'page');",
        b"INSERT INTO `t` VALUES ('1',X'41','page','0.5'),('2',0x42,'page',NULL)\n;\n",
        b"LOCK TABLES `t` WRITE;INSERT INTO `u` VALUES (9,'; INSERT INTO `t` VALUES (''\\''');');\n"
        b"INSERT INTO `t` VALUES (1,'A','page',0.5);INSERT INTO `u` VALUES (1);\n"
        b"/*!40000 x */;INSERT INTO `t` VALUES (2,'B','page',NULL);UNLOCK TABLES;",
    ],
)
def test_layouts(insert: bytes) -> None:
    assert rows(CREATE + insert) == [(1, b"A", b"page", b"0.5"), (2, b"B", b"page", None)]


@pytest.mark.parametrize(
    ("literal", "value"),
    [
        (rb"''", b""),
        (rb"'O\'Neill'", b"O'Neill"),
        (rb"'O''Neill'", b"O'Neill"),
        (rb"''''", b"'"),
        (rb"'\''''", b"''"),
        (rb"'\\'", b"\\"),
        (rb"'\\\\n'", b"\\\\n"),
        (rb"'\"\0\n\r\t\b\Z'", b'"\0\n\r\t\b\x1a'),
        (rb"'\%\_\x'", b"\\%\\_x"),
        (b"'a\nb'", b"a\nb"),
        (b"'),(2,'' ; --'", b"),(2,' ; --"),
        (b"'NULL'", b"NULL"),
        (b"NULL", None),
        (b"-1.5e-07", b"-1.5e-07"),
        (b"0xC3A9", "é".encode()),
        (b"x'c3a9'", "é".encode()),
        (b"_binary '\\'\xff'", b"'\xff"),
        ("'宇宙'".encode(), "宇宙".encode()),
    ],
)
def test_literals(literal: bytes, value: bytes | None) -> None:
    sql = CREATE + b"INSERT INTO `t` VALUES (1,'first','page',NULL),(7," + literal + b",'page',NULL);"
    assert rows(sql, "id", "title") == [(1, b"first"), (7, value)]
    assert rows(sql, "id") == [(1,), (7,)]  # skipped the same way


def test_columns_are_found_by_name() -> None:
    other = CREATE.replace(b"  `id`", b"  `new` int DEFAULT (uuid((1))),\n  `id`")
    assert rows(other + b"INSERT INTO `t` VALUES (NULL,1,'A','page',0.5);", "title", "new", "id") == [(b"A", None, 1)]


def test_optional_columns_that_are_not_there_are_none() -> None:
    sql = CREATE + b"INSERT INTO `t` VALUES (1,'A','page',0.5);"
    assert list(read_table(io.BytesIO(sql), "t", ("id",), ("nope", "title"))) == [(1, None, b"A")]


def test_a_table_without_rows() -> None:
    assert rows(CREATE) == []


DUMP = b"-- MariaDB dump 10.19\n--\n" + CREATE + b"INSERT INTO `t` VALUES (1,'A','page',0.5),\n(2,'B','page',NULL);\n"


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        (b"", "the dump has no table `t`; tables in the dump: none"),
        (b"<html>", "the dump is cut off: it ends within a statement"),
        (CREATE.replace(b"`t`", b"`u`"), "the dump has no table `t`; tables in the dump: u"),
        (
            CREATE.replace(b"`title` v", b"`name` v"),
            "table `t` has no column title; its columns: id, name, kind, score",
        ),
        (b"INSERT INTO `t` VALUES (1);", "has no CREATE TABLE before it"),
        (CREATE + b"INSERT INTO `t` (id, nope) VALUES (1,2);", "no column title, kind, score; its columns: id, nope"),
        (CREATE + b"INSERT INTO `t` SET id = 1;", "accepted: INSERT"),
        (CREATE + b"INSERT INTO `t` VALUES (1,'A','page'),(2,'B','page',NULL);", "is not a tuple of 4 values"),
        (CREATE + b"INSERT INTO `t` VALUES ('x','A','page',NULL);", "of the declared types"),
        (CREATE + b"INSERT INTO `t` VALUES (1,'A','page',NULL) (2,'B','page',NULL);", "followed by , or ;"),
        (CREATE + b"INSERT INTO `t` VALUES (1,'A','page',NULL), nonsense;", "where a tuple was expected"),
        (CREATE + b"INSERT INTO `t` VALUES (1,0xABC,'page',NULL);", "malformed hexadecimal literal b'0xABC'"),
        (
            CREATE + b"INSERT INTO `t` VALUES (1,'A','page',NULL),(2,'B",
            "the dump is cut off: it ends within a statement",
        ),
        (CREATE + b"INSERT INTO `t` VALUES (1,'A','page',NULL)", "the dump is cut off: it ends within a statement"),
        (CREATE[:60], "the dump is cut off: it ends within a statement"),
        (DUMP, "without '-- Dump completed'"),
        (b"CREATE TABLE `t` (`id` int @@@", "cut off"),
        (b"CREATE TABLE `t` (`id` int(, `title`);", "CREATE TABLE cannot be read from"),
    ],
)
def test_errors_say_what_was_found(sql: bytes, message: str) -> None:
    with pytest.raises(SqlDumpError) as error:
        rows(sql)
    assert message in str(error.value)


def test_a_column_that_has_to_be_an_integer() -> None:
    with pytest.raises(SqlDumpError, match="column title of `t` has the type varbinary; accepted: bigint, int, "):
        list(read_table(io.BytesIO(CREATE), "t", ("title",), integers=("id", "title")))


def test_every_cut_is_noticed() -> None:
    whole = DUMP + b"-- Dump completed on 2026-01-01 13:22:14\n"
    assert len(rows(whole)) == 2
    for cut in range(len(whole) - len(b" on 2026-01-01 13:22:14\n")):
        with pytest.raises(SqlDumpError):
            rows(whole[:cut].rstrip(b"\n") if cut < len(b"-- MariaDB dump") else whole[:cut])


@pytest.mark.parametrize("step", [1, 2, 3, 7, 64])
def test_borders_of_chunks(monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    monkeypatch.setattr(sql_dump, "LOOKAHEAD_BYTES", 60)
    values = [(n, b"'\\;),(" * (n % 4) + b"/*-- \n", b"page", None) for n in range(40)]
    insert = b",".join(b"(%d,'%s','page',NULL)" % (n, escaped(title)) for n, title, _, _ in values)
    sql = b"/*M!999999\\- enable the sandbox mode */ \n" + CREATE + b"INSERT INTO `t` VALUES " + insert + b";\n-- end"
    read = read_table(ShortReads(sql, step), "t", ("id", "title", "kind", "score"))
    assert list(read) == values


def escaped(value: bytes) -> bytes:
    return value.replace(b"\\", b"\\\\").replace(b"'", b"\\'").replace(b"\0", b"\\0").replace(b"\n", b"\\n")


numbers = st.integers(-(2**63), 2**64 - 1)
texts = st.binary(max_size=12) | st.lists(st.sampled_from([b"'", b"\\", b"(", b")", b",", b";", b"\n"])).map(b"".join)


@given(st.lists(st.tuples(numbers, st.none() | texts), max_size=20), st.booleans(), st.sampled_from([b",", b",\n"]))
def test_what_is_written_is_read(table: list[tuple[int, bytes | None]], doubled: bool, comma: bytes) -> None:
    def literal(value: bytes | None) -> bytes:
        if value is None:
            return b"NULL"
        return b"'%s'" % (escaped(value).replace(b"\\'", b"''") if doubled else escaped(value))

    tuples = [b"(%d,%s,'page',NULL)" % (number, literal(value)) for number, value in table]
    sql = CREATE + (b"INSERT INTO `t` VALUES " + comma.join(tuples) + b";" if tuples else b"")
    assert rows(sql, "id", "title") == table
    assert rows(sql, "title") == [(value,) for _, value in table]


@given(
    st.binary(max_size=200)
    | st.lists(
        st.sampled_from([b"INSERT INTO `t` VALUES ", b"(1,'", b"')", b",", b";", b"/*", b"--", b"`", b"\n"])
    ).map(b"".join)
)
def test_garbage_is_an_error_or_nothing(garbage: bytes) -> None:
    try:
        rows(CREATE + garbage)
    except SqlDumpError as error:
        assert str(error)


def test_long_values_and_lines_take_bounded_memory() -> None:
    long = b"x" * (16 << 20)
    sql = CREATE + b"INSERT INTO `t` VALUES (1,'" + long + b"','page',NULL),(2,'B','page',NULL);"
    assert [len(title) for (title,) in rows(sql, "title") if isinstance(title, bytes)] == [16 << 20, 1]
    line = Repeated(CREATE + b"INSERT INTO `t` VALUES (0,'A','page',NULL)", b",(1,'B','page',NULL)", 3_000_000, b";")
    tracemalloc.start()
    count = sum(1 for _ in islice(read_table(line, "t", ("id", "title")), 200_000))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 200_000
    assert peak < 16 << 20


def test_a_value_without_end_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sql_dump, "MAX_TUPLE_BYTES", 1 << 20)
    endless = Repeated(CREATE + b"INSERT INTO `t` VALUES (0,'", b"A", 1 << 40, b"")
    with pytest.raises(SqlDumpError, match="does not end within 1048576 bytes"):
        list(read_table(endless, "t", ("id",)))


def test_compressions(tmp_path: Path) -> None:
    sql = CREATE + b"INSERT INTO `t` VALUES (1,'A','page',NULL);"
    half = len(sql) // 2
    files = {
        "t.sql": sql,
        "t.sql.gz": gzip.compress(sql[:half]) + gzip.compress(sql[half:]),
        "t.sql.bz2": bz2.compress(sql[:half]) + bz2.compress(sql[half:]),
        "t.sql.zst": zstandard.compress(sql[:half]) + zstandard.compress(sql[half:]),
    }
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
        with open_sql(open_plain, str(tmp_path / name)) as stream:
            assert list(read_table(stream, "t", ["id", "title"])) == [(1, b"A")], name


@pytest.mark.parametrize("suffix", [".gz", ".bz2", ".zst"])
def test_damaged_compression_names_the_file(tmp_path: Path, suffix: str) -> None:
    dump = DUMP + b"-- Dump completed\n"
    whole = {".gz": gzip.compress(dump), ".bz2": bz2.compress(dump), ".zst": zstandard.compress(dump)}[suffix]
    for data in (b"-- MySQL dump", whole[: len(whole) * 2 // 3]):
        path = tmp_path / f"t.sql{suffix}"
        path.write_bytes(data)
        with pytest.raises(SqlDumpError, match=f"t.sql{suffix}: "), open_sql(open_plain, str(path)) as stream:
            list(read_table(stream, "t", ["id"]))


def test_unknown_compression(tmp_path: Path) -> None:
    with pytest.raises(
        SqlDumpError, match=r"t.sql.7z: the name does not tell .* accepted: names that end in .sql, .gz, .bz2, .zst"
    ):
        open_sql(open_plain, str(tmp_path / "t.sql.7z")).__enter__()


@needs_shared
@pytest.mark.parametrize(
    ("path", "table", "columns", "count", "first", "last"),
    [
        (
            "sql/aawiki-20260101-categorylinks.sql.gz",
            "categorylinks",
            ("cl_target_id", "cl_from", "cl_sortkey", "cl_type"),
            156,
            (208, 1341, b"DIAGRAPH01", b"page"),
            (347, 2385, b"SEVELA.P", b"page"),
        ),
        (
            "sql/miwiki-2016/miwiki-20160111-page.sql",
            "page",
            ("page_random", "page_title", "page_links_updated", "page_id"),
            12615,
            (b"0.831666706983", "Hau_Käinga".encode(), None, 1),
            (b"0.543354305302", b"Sovereign_states_of_Europe", b"20160109080945", 15651),
        ),
    ],
)
def test_real_tables(
    path: str, table: str, columns: tuple[str, ...], count: int, first: tuple[Value, ...], last: tuple[Value, ...]
) -> None:
    with open_sql(open_plain, str(SHARED / path)) as stream:
        read = list(read_table(stream, table, columns))
    assert (len(read), read[0], read[-1]) == (count, first, last)
