"""What is taken of a mirror's lists, whatever stands in them."""

import json
from collections.abc import Mapping
from typing import Any, cast

import pytest

from mlukit.corpus.dumps.files import AUDIT_TABLES, DOWNLOADABLE, SHARED_TABLES, TABLES, FileInfo, find_dumps
from mlukit.corpus.web.dump_mirror import (
    CONTENT,
    IncompleteError,
    Wanted,
    find_files,
    find_latest,
    plain_date,
)
from mlukit.corpus.web.http_client import Client, DownloadError, NotFoundError, RemoteFile

MIRROR = "https://mirror.example.org/dumps"
EXPORTS = f"{MIRROR}/other/mediawiki_content_current"
SHA1, SHA256 = "a" * 40, "b" * 64


class Mirror:
    """Lists and sizes by address."""

    def __init__(self, files: Mapping[str, object]) -> None:
        self.files = files

    def read(self, url: str) -> bytes:
        if url not in self.files:
            raise NotFoundError(f"{url}: there is no such file")
        content = self.files[url]
        return content.encode() if isinstance(content, str) else json.dumps(content).encode()

    def size(self, url: str) -> int:
        if url not in self.files:
            raise NotFoundError(f"{url}: there is no such file")
        return cast(int, self.files[url])


def client(files: Mapping[str, object]) -> Client:
    return cast(Client, Mirror(files))


def job(*names: str, state: str = "done", **facts: object) -> dict[str, Any]:
    """A job of dumpstatus.json."""
    facts = {"size": 10, "sha1": SHA1, **facts}
    return {"status": state, "files": dict.fromkeys(names, facts)}


def classic(*jobs: dict[str, Any], wiki: str = "enwiki", date: str = "20260901") -> dict[str, object]:
    """A day's dumpstatus.json."""
    return {f"{MIRROR}/{wiki}/{date}/dumpstatus.json": {"jobs": {str(n): job for n, job in enumerate(jobs)}}}


def names(files: list[RemoteFile]) -> list[str]:
    return [file.path.rpartition("/")[2] for file in files]


def wanted(*languages: str, tables: tuple[str, ...] = (), family: str = "classic") -> Wanted:
    return Wanted(languages or ("en",), tables, family, MIRROR)


PROPS = "enwiki-20260901-page_props.sql.gz"
WHOLE = "enwiki-20260901-pages-articles.xml.bz2"
PARTS = [f"enwiki-20260901-pages-articles{n}.xml-p{10 * n - 9}p{10 * n}.bz2" for n in (1, 2, 10)]
STREAMS = "enwiki-20260901-pages-articles-multistream.xml.bz2"
STREAM_PARTS = [name.replace("articles", "articles-multistream") for name in PARTS]
OTHERS = [
    "enwiki-20260901-pages-articles-multistream-index.txt.bz2",
    "enwiki-20260901-pages-meta-current.xml.bz2",
    "enwiki-20260901-pages-articles.xml.bz2-rss.xml",
    "enwiki-20260801-pages-articles.xml.bz2",
]
HOSTILE = [
    "../../enwiki-20260901-pages-articles.xml.bz2",
    "/etc/enwiki-20260901-pages-articles.xml.bz2",
    "enwiki-20260901-pages-articles/../../../x.xml.bz2",
    "enwiki-20260901-pages-articles1.xml-p1p2/../../x.bz2",
    "enwiki-20260901-pages-articles.xml.bz2\n",
    "enwiki-20260901-pages-articles.xml.bz2\x00",
    "enwiki-20260901-pages-articles.xml?.bz2",
    "enwiki-20260901-pages-articles١.xml.bz2",
    "dewiki-20260901-pages-articles.xml.bz2",
    "",
]


@pytest.mark.parametrize(
    ("done", "taken"),
    [
        ([WHOLE], [WHOLE]),
        ([WHOLE, *reversed(PARTS)], PARTS),
        ([STREAMS], [STREAMS]),
        ([STREAMS, *STREAM_PARTS, WHOLE], STREAM_PARTS),
        ([STREAMS, *STREAM_PARTS, *PARTS], PARTS),
        ([WHOLE, *OTHERS, *HOSTILE], [WHOLE]),
    ],
)
def test_the_form_of_a_dump(done: list[str], taken: list[str]) -> None:
    files = find_files(client(classic(job(*done))), wanted(), "20260901")
    assert names(files) == taken
    assert files[0] == RemoteFile(
        f"{MIRROR}/enwiki/20260901/{taken[0]}", f"enwiki/20260901/{taken[0]}", 10, "sha1", SHA1
    )


def test_what_is_not_done_is_not_there() -> None:
    mirror = client(classic(job(WHOLE, state="in-progress"), {"status": "waiting"}, job(STREAMS)))
    assert names(find_files(mirror, wanted(), "20260901")) == [STREAMS]
    mirror = client(classic(job(WHOLE), job(PROPS, state="waiting")))
    with pytest.raises(IncompleteError, match=f"has no finished {PROPS}"):
        find_files(mirror, wanted(tables=("page_props",)), "20260901")


@pytest.mark.parametrize("files", [[], OTHERS, HOSTILE])
def test_no_dump(files: list[str]) -> None:
    with pytest.raises(IncompleteError, match="has no finished enwiki-20260901-pages-articles"):
        find_files(client(classic(job(*files))), wanted(), "20260901")


@pytest.mark.parametrize(
    "status",
    [
        *("", "[]", "{}", '{"jobs": []}', '{"jobs": {"a": 1}}', "[" * 100_000),
        '{"jobs": {"a": {"status": "done", "files": [1]}}}',
        '{"jobs": {"a": {"status": "done", "files": {"x": 1}}}}',
    ],
)
def test_a_status_that_is_none(status: str) -> None:
    mirror = client({f"{MIRROR}/enwiki/20260901/dumpstatus.json": status})
    with pytest.raises(DownloadError, match="is not a list of dumps"):
        find_files(mirror, wanted(), "20260901")


def test_checksums_that_only_their_own_list_has() -> None:
    """Mirrors may have a dumpstatus.json without them, or none."""
    address = f"{MIRROR}/enwiki/20260901/"
    sums = {f"{address}enwiki-20260901-sha1sums.txt": f"{SHA1}  {WHOLE}\n{SHA1} *{PARTS[0]}\nno line\n\n"}
    expected = [RemoteFile(address + WHOLE, f"enwiki/20260901/{WHOLE}", 10, "sha1", SHA1)]
    status = classic({"status": "done", "files": {WHOLE: {"size": 10}}})
    assert find_files(client({**status, **sums}), wanted(), "20260901") == expected
    assert find_files(client({**sums, address + WHOLE: 10}), wanted(), "20260901") == expected  # no parts: all?
    assert find_files(client(status), wanted(), "20260901") == [
        RemoteFile(address + WHOLE, f"enwiki/20260901/{WHOLE}", 10)
    ]
    with pytest.raises(IncompleteError, match="neither"):
        find_files(client({}), wanted(), "20260901")


@pytest.mark.parametrize("size", [None, -1, "10", True, 1 << 60, 1.5])
def test_sizes_that_are_none_are_asked_for(size: object) -> None:
    files = {**classic(job(WHOLE, size=size)), f"{MIRROR}/enwiki/20260901/{WHOLE}": 77}
    assert find_files(client(files), wanted(), "20260901")[0].size == 77


def exports(wiki: str, date: str, *listed: str) -> dict[str, object]:
    folder = f"{EXPORTS}/{wiki}/{date}/xml/bzip2/"
    sums = "".join(f"{SHA256}  {name}\n" for name in listed)
    return {f"{folder}SHA256SUMS": sums, **{folder + name: 20 for name in listed}}


EXPORT = [f"enwiki-2026-09-01-p{first}p{last}.xml.bz2" for first, last in ((1, 9), (10, 99), (100, 200))]


def test_content_exports() -> None:
    listed = [EXPORT[2], EXPORT[0], EXPORT[1], "../enwiki-2026-09-01-p1p9.xml.bz2", "enwiki-2026-09-01-p1p9/x.xml.bz2"]
    mirror = client(exports("enwiki", "2026-09-01", *listed) | classic(job(PROPS)))
    files = find_files(mirror, wanted(tables=("page_props",), family=CONTENT), "2026-09-01")
    assert names(files) == [*EXPORT, PROPS]
    assert files[0] == RemoteFile(
        f"{EXPORTS}/enwiki/2026-09-01/xml/bzip2/{EXPORT[0]}", f"enwiki/2026-09-01/{EXPORT[0]}", 20, "sha256", SHA256
    )
    assert files[-1].path == f"enwiki/2026-09-01/{PROPS}"
    with pytest.raises(IncompleteError, match="is not finished, or was removed"):
        find_files(mirror, wanted(family=CONTENT), "2026-10-01")
    with pytest.raises(IncompleteError, match=r"has no enwiki-2026-09-01-p…p….xml.bz2"):
        find_files(client(exports("enwiki", "2026-09-01")), wanted(family=CONTENT), "2026-09-01")


def test_a_listed_file_that_is_not_there() -> None:
    files = exports("enwiki", "2026-09-01", *EXPORT)
    del files[f"{EXPORTS}/enwiki/2026-09-01/xml/bzip2/{EXPORT[1]}"]
    with pytest.raises(IncompleteError, match="although the mirror's list names the file"):
        find_files(client(files), wanted(family=CONTENT), "2026-09-01")


@pytest.mark.parametrize("family", ["classic", "content"])
def test_a_build_finds_all_of_it(family: str) -> None:
    tables = [f"-20260901-{table}.sql.gz" for table in DOWNLOADABLE]
    files: dict[str, object] = classic(job(*(f"wikidatawiki{name}" for name in tables)), wiki="wikidatawiki")
    for wiki in ("enwiki", "be_x_oldwiki"):
        files |= classic(job(*(wiki + name for name in [*tables, WHOLE[6:], *(part[6:] for part in PARTS)])), wiki=wiki)
        files |= exports(wiki, "2026-09-01", *(name.replace("enwiki", wiki) for name in EXPORT))
    date = plain_date("2026-09-01", family)
    found = find_files(client(files), wanted("en", "be-tarask", tables=DOWNLOADABLE, family=family), date)
    listing = [FileInfo(file.path, file.size) for file in found]
    for chosen in (date, None):
        dumps = find_dumps(listing, ["en", "be-tarask"], date=chosen, tables=(*TABLES, *AUDIT_TABLES))
        assert [len(dump.files) for dump in dumps.sets.values()] == [3, 3]
        own = sorted(set(DOWNLOADABLE) - set(SHARED_TABLES))
        assert [sorted(dump.tables) for dump in dumps.sets.values()] == [own] * 2
        assert list(dumps.shared) == ["wb_items_per_site"]
        assert not any(warning for dump in dumps.sets.values() for warning in dump.warnings if "is of" in warning)


def page(*days: str) -> str:
    """A server's page of links."""
    links = "".join(f'<a href="{day}/">{day}/</a>   01-Sep-2026 10:00   -\n' for day in days)
    return f'<html><a href="../">../</a>\n{links}<a href="latest/">latest/</a></html>'


def test_the_latest_day_that_is_complete_for_all() -> None:
    files: dict[str, object] = {
        f"{MIRROR}/enwiki/": page("20260801", "20260820", "20260901", "20260920"),
        f"{MIRROR}/dewiki/": "<A HREF=\"/dumps/dewiki/20260820\"> <a href=20260901/> <a href='20260801/'>",
    }
    for wiki in ("enwiki", "dewiki"):
        for date in ("20260801", "20260820"):
            files |= classic(job(f"{wiki}-{date}-pages-articles.xml.bz2"), wiki=wiki, date=date)
    files |= classic(job(WHOLE))
    files |= classic(job("dewiki-20260901-pages-articles.xml.bz2", state="waiting"), wiki="dewiki")
    date, found = find_latest(client(files), wanted("en", "de"))
    assert (date, len(found)) == ("20260820", 2)
    with pytest.raises(DownloadError, match=r"has no day with all .* has no finished .*page_props"):
        find_latest(client(files), wanted("en", "de", tables=("page_props",)))


def test_the_latest_export() -> None:
    files = {f"{EXPORTS}/enwiki/": page("2026-08-01", "2026-09-01", "2026-10-01", "20261001")}
    date, found = find_latest(client(files | exports("enwiki", "2026-09-01", *EXPORT)), wanted(family=CONTENT))
    assert (date, names(found)) == ("2026-09-01", EXPORT)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "the mirror has no classic dumps of enwiki"),
        ({f"{MIRROR}/enwiki/": "<html>2026-09-01 20260901</html>"}, "lists no days; name a day with --date"),
        ({f"{MIRROR}/enwiki/": page("20260901"), f"{MIRROR}/dewiki/": page("20260801")}, "no day in common"),
    ],
)
def test_no_latest_day(files: dict[str, object], message: str) -> None:
    with pytest.raises(DownloadError, match=message):
        find_latest(client(files), wanted("en", "de"))


def test_dates() -> None:
    assert [plain_date(text, "classic") for text in ("20260901", "2026-09-01")] == ["20260901"] * 2
    assert [plain_date(text, "content") for text in ("20260901", "2026-09-01")] == ["2026-09-01"] * 2
    for text in ("", "newest", "2026-0901", "202609", "../20260901", "٢٠٢٦٠٩٠١", "20260901\n"):
        with pytest.raises(DownloadError, match="accepted: a date such as 20260901"):
            plain_date(text, "classic")
