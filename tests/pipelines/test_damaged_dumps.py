"""Dumps that are damaged or cut off: the run goes on, says so last, keeps it, and ends with a status of its own."""

import bz2
import hashlib
from pathlib import Path
from typing import Any

import pytest

from tests.small_dumps import (
    DATE,
    IN_MEMORY,
    Ran,
    SmallPage,
    checksums,
    head,
    load,
    rows_in_order,
    run,
    sentencepiece_model,
    write_dump,
    write_items,
)

NAME = f"enwiki-{DATE}-pages-articles-multistream.xml.bz2"
INDEX = f"enwiki-{DATE}-pages-articles-multistream-index.txt"
PAGES = [
    SmallPage(1, "Berlin", "Berlin lies on the [[Spree]], in [[Germany]]."),
    SmallPage(2, "Spree", "The Spree flows through [[Berlin]]."),
    SmallPage(3, "Germany", "The capital of Germany is [[Berlin]]."),
]
GET_AGAIN = (
    "Download damaged files again and name another --output, or accept this output with --allow-damaged (exit status 0 "
    "instead of 3)."
)


def streams() -> list[bytes]:
    """A multistream dump: its head, a stream for each page, its end."""
    texts = [head("en"), *(page.xml() for page in PAGES), "</mediawiki>\n"]
    return [bz2.compress(text.encode()) for text in texts]


def write(folder: Path, dump: bytes, *, index: bool = True) -> None:
    """Writes the dump, items, a model and an index, which lists all three pages."""
    (folder / NAME).write_bytes(dump)
    write_items(folder, "en", {1: 64, 2: 1585, 3: 183})
    (folder / "m.model").write_bytes(sentencepiece_model(["▁", *"BSTabcdefghilnoprsuwy.,"]))
    if index:
        lines = "".join(f"{100 * page.page_id}:{page.page_id}:{page.title}\n" for page in PAGES)
        (folder / f"{INDEX}.bz2").write_bytes(bz2.compress(lines.encode()))


def link(folder: Path, *flags: object, output: str = "OUT") -> Ran:
    return run("link", "--dumps", folder, "--output", folder / output, IN_MEMORY, *flags)


def build(folder: Path, *flags: object) -> Ran:
    model = ("--sentencepiece-model", folder / "m.model", "--min-languages", 1)
    return run("build", "--dumps", folder, "--output", folder / "OUT", *model, IN_MEMORY, *flags)


def damaged(folder: Path) -> Any:
    return load(folder / "OUT/link.json")["damaged"]


def row_of_files(folder: Path) -> list[str]:
    """The cells of the account's row that tells of files; none where there is no such row."""
    lines = (folder / "OUT/account.txt").read_text().splitlines()
    return next((line.split(maxsplit=7) for line in lines if line.split()[2:3] == ["files"]), [])


def test_a_whole_dump_is_no_news(tmp_path: Path) -> None:
    write(tmp_path, b"".join(streams()))
    ran = link(tmp_path)
    assert (ran.status, row_of_files(tmp_path), damaged(tmp_path)) == (0, [], [])
    assert "DAMAGED" not in ran.err


def test_a_dump_that_is_cut_off_says_so_each_time(tmp_path: Path) -> None:
    whole = b"".join(streams())
    cut = whole[: -len(streams()[-1]) - 60]
    write(tmp_path, cut)
    size = f"{len(cut):,}"
    told = [
        "DAMAGED DUMPS: 1 FILE IS NOT WHOLE. The output has only what could be read:",
        f"  en: {NAME} is cut off, at byte {size} of {size}; lacks 1 of the 3 pages in {INDEX}.bz2",
        GET_AGAIN,
    ]
    first = build(tmp_path)
    assert (first.status, first.err.splitlines()[-3:]) == (3, told)
    assert row_of_files(tmp_path) == ["link", "en", "files", "2", "1", "1", "0", "missing pages 1, truncated 1"]
    assert [row["title"] for row in rows_in_order(tmp_path / "OUT/articles/en")] == ["Berlin", "Spree"]
    assert damaged(tmp_path) == [
        {
            "language": "en",
            "kind": "dump",
            "name": NAME,
            "bytes": len(cut),
            "pages": 2,
            "damage": {"truncated": 1},
            "places": [{"byte": len(cut), "reason": "truncated"}],
            "index": {"name": f"{INDEX}.bz2", "pages": 3},
            "checksums": [],
        }
    ]
    again = build(tmp_path)
    assert (again.status, again.err.splitlines()[-3:]) == (3, told)
    assert "damaged file" in again.out
    allowed = build(tmp_path, "--allow-damaged")
    assert (allowed.status, allowed.err.splitlines()[-3:]) == (
        0,
        [*told[:2], "This is allowed by --allow-damaged."],
    )
    verified = run("verify", tmp_path / "OUT", IN_MEMORY)
    assert (verified.status, verified.err.splitlines()[-3:]) == (3, told)
    assert "is whole" not in verified.out and " is as it was written (link, vocabulary, examples): " in verified.out
    assert run("verify", tmp_path / "OUT", "--allow-damaged", IN_MEMORY).status == 0


def test_later_stages_say_it_and_go_on(tmp_path: Path) -> None:
    write(tmp_path, b"".join(streams()[:-1]))
    assert link(tmp_path).status == 3
    output, advice = ("--output", tmp_path / "OUT", IN_MEMORY), "This stage used the articles as they are."
    vocabulary = run("vocabulary", "--min-languages", 1, *output)
    assert (vocabulary.status, vocabulary.err.splitlines()[-1]) == (0, advice)
    examples = run("examples", "--sentencepiece-model", tmp_path / "m.model", *output)
    assert (examples.status, examples.err.splitlines()[-1]) == (0, advice)
    assert f"  en: {NAME} is cut off" in examples.err.splitlines()[-2]


@pytest.mark.parametrize("cut", [1, 3, 5, 14])
def test_a_dump_that_lacks_but_its_last_bytes(tmp_path: Path, cut: int) -> None:
    write(tmp_path, b"".join(streams())[:-cut])
    ran = link(tmp_path)
    assert (ran.status, damaged(tmp_path)[0]["damage"], damaged(tmp_path)[0]["pages"]) == (3, {"truncated": 1}, 3)
    assert f"lacks none of the 3 pages in {INDEX}.bz2" in ran.err


def test_a_dump_without_index_cannot_tell_what_is_missing(tmp_path: Path) -> None:
    write(tmp_path, b"".join(streams()[:3]), index=False)
    ran = link(tmp_path)
    assert ran.status == 3
    assert ran.err.splitlines()[-2].endswith(
        "; whole pages: 2; the number of missing pages is not known without an index"
    )


def test_bad_bytes(tmp_path: Path) -> None:
    parts = streams()
    parts[2] = parts[2][:30] + b"\xaa" * 100 + parts[2][130:]
    write(tmp_path, b"".join(parts))
    ran = link(tmp_path)
    place = len(parts[0] + parts[1]) + 4
    assert (ran.status, row_of_files(tmp_path)[-1]) == (3, "corrupt_block 1, missing pages 1")
    assert f"cannot be decoded, at byte {place:,} of {len(b''.join(parts)):,}; lacks 1 of the 3 pages" in ran.err
    assert [row["title"] for row in rows_in_order(tmp_path / "OUT/articles/en")] == ["Berlin", "Germany"]


@pytest.mark.parametrize("name", [NAME, NAME.replace("-multistream", "")])
def test_only_the_index_tells_of_a_stream_that_is_not_there(tmp_path: Path, name: str) -> None:
    parts = streams()
    write(tmp_path, b"".join([*parts[:2], *parts[3:]]))
    (tmp_path / NAME).rename(tmp_path / name)
    ran = link(tmp_path)
    assert (ran.status, row_of_files(tmp_path)[-1]) == (3, "missing pages 1")
    assert f"  en: {name} lacks 1 of the 3 pages in {INDEX}.bz2" in ran.err.splitlines()


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        (f"{INDEX}.bz2", b"BZh9 no bzip2", "the index has no line that can be read"),
        (INDEX, b"654:1:Berlin\n<html>\n", "line 2 is b'<html>'; accepted: OFFSET:PAGE ID:TITLE"),
        (f"{INDEX}.bz2", bz2.compress(b"1:1:Berlin\n" * 9)[:-30], "it is damaged at byte 4 (truncated)"),
    ],
)
def test_an_index_that_cannot_be_read_is_a_warning(tmp_path: Path, name: str, content: bytes, problem: str) -> None:
    write(tmp_path, b"".join(streams()), index=False)
    (tmp_path / name).write_bytes(content)
    ran = link(tmp_path)
    assert ran.status == 0, ran.err
    assert f"en: {name} cannot be used to count the pages of {NAME}: {problem}" in ran.err.splitlines()


# Lists of checksums


LISTS = {"md5": f"enwiki-{DATE}-md5sums.txt", "sha1": f"enwiki-{DATE}-sha1sums.txt", "sha256": "SHA256SUMS"}
ITEMS = f"enwiki-{DATE}-page_props.sql.gz"


def write_list(folder: Path, algorithm: str, *names: str, changed: str = "", form: str = "{}  {}\n") -> str:
    """Writes a list of files, with another checksum for the one that changed; gives this checksum."""
    wrong = hashlib.new(algorithm, b"other").hexdigest()
    sums = {name: hashlib.new(algorithm, (folder / name).read_bytes()).hexdigest() for name in names}
    lines = [form.format(wrong if name == changed else checksum, name) for name, checksum in sums.items()]
    (folder / LISTS[algorithm]).write_text("".join(lines) + form.format(wrong, "another-file.xml.bz2"))
    return wrong


@pytest.mark.parametrize("algorithm", LISTS)
@pytest.mark.parametrize("form", ["{}  {}\n", "{} *{}\n", "{}  ./{}\r\n"])
def test_checksums_that_are_right(tmp_path: Path, algorithm: str, form: str) -> None:
    write(tmp_path, b"".join(streams()))
    write_list(tmp_path, algorithm, NAME, ITEMS, form=form)
    ran = link(tmp_path)
    assert (ran.status, damaged(tmp_path)) == (0, [])
    assert len(ran.err.splitlines()) == 4  # a line for each step


@pytest.mark.parametrize(("algorithm", "shown"), [("md5", "MD5"), ("sha1", "SHA-1"), ("sha256", "SHA-256")])
@pytest.mark.parametrize("name", [NAME, ITEMS])
def test_a_checksum_that_is_another(tmp_path: Path, algorithm: str, shown: str, name: str) -> None:
    write(tmp_path, b"".join(streams()))
    listed = write_list(tmp_path, algorithm, NAME, ITEMS, changed=name)
    found = hashlib.new(algorithm, (tmp_path / name).read_bytes()).hexdigest()
    ran = link(tmp_path)
    said = f"has {shown} {found}, but {LISTS[algorithm]} says {listed}"
    lines = ran.err.splitlines()
    assert (ran.status, row_of_files(tmp_path)[-1]) == (3, "wrong checksum 1")
    assert f"en: {name} {said}; the file is read as far as possible" in lines[:3]  # before the dump is read
    lacks = f" lacks none of the 3 pages in {INDEX}.bz2;" if name == NAME else ""
    assert lines[-2] == f"  en: {name}{lacks} {said}"
    assert damaged(tmp_path)[0]["checksums"] == [
        {"name": LISTS[algorithm], "algorithm": algorithm, "listed": listed, "found": found}
    ]


def test_lines_that_are_no_checksums_are_a_warning(tmp_path: Path) -> None:
    write(tmp_path, b"".join(streams()))
    path = tmp_path / LISTS["md5"]
    path.write_text(f"\n<html>404</html>\n{'0' * 31}  {NAME}\n")
    ran = link(tmp_path)
    assert ran.status == 0, ran.err
    assert ran.err.splitlines()[0] == (
        f"{path}: line 2 is '<html>404</html>' (2 wrong lines in all); accepted: CHECKSUM  FILENAME, of 32 digits"
    )


def test_the_same_record_whatever_the_workers(tmp_path: Path) -> None:
    pages = [SmallPage(number, f"Page {number}", f"See [[Page {number + 1}]]. " * 99) for number in range(1, 40)]
    texts = [head("en"), *(page.xml() for page in pages), "</mediawiki>\n"]
    parts = [bz2.compress(text.encode()) for text in texts]
    for number in range(2, 40, 4):
        parts[number] = parts[number][:40] + bytes(40) + parts[number][80:]
    write(tmp_path, b"".join(parts[:-1]))
    written = []
    for output, workers in (("one", IN_MEMORY), ("two", "--direct_running_mode=multi_processing")):
        flags = ("--output", tmp_path / output, "--range-size", 900, workers, "--direct_num_workers=2")
        ran = run("link", "--dumps", tmp_path, *flags)
        assert ran.status == 3, ran.err
        written.append(checksums(tmp_path / output))
    assert written[0] == written[1]
    (file,) = load(tmp_path / "one/link.json")["damaged"]
    assert (file["damage"], len(file["places"]), file["pages"]) == ({"corrupt_block": 10, "truncated": 1}, 5, 29)


def test_a_part_of_several_is_named(tmp_path: Path) -> None:
    write_items(tmp_path, "en", {1: 64})
    for number, page in enumerate(PAGES, 1):
        path = write_dump(tmp_path, "en", [page])
        content = path.read_bytes() if number != 2 else bz2.compress((head("en") + page.xml()).encode())
        path.unlink()
        part = path.name.replace("articles.xml", f"articles{number}.xml-p{number}p{number}")
        (tmp_path / part).write_bytes(content)
    ran = link(tmp_path)
    assert ran.status == 3, ran.err
    assert [file["name"] for file in damaged(tmp_path)] == [f"enwiki-{DATE}-pages-articles2.xml-p2p2.bz2"]
    assert row_of_files(tmp_path)[3:] == ["4", "3", "1", "0", "truncated 1"]


def test_a_record_that_somebody_broke(tmp_path: Path) -> None:
    write(tmp_path, b"".join(streams()))
    link(tmp_path)
    path = tmp_path / "OUT/link.json"
    path.write_text(path.read_text().replace('"damaged": []', '"damaged": [3]'))
    ran = run("verify", tmp_path / "OUT", IN_MEMORY)
    assert ran.status == 1 and "its list of damaged files is malformed" in ran.out
