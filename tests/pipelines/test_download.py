"""`mlukit download` from a server on this machine, into a folder that `mlukit link` then reads."""

import bz2
import fcntl
import gzip
import hashlib
import json
import os
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlukit.corpus.web.http_client import Patience
from mlukit.pipelines import download
from tests.small_dumps import IN_MEMORY, Ran, SmallPage, complaint, dump_xml, run, sql
from tests.web_server import Request, Server, break_off, instead, serving, status

PAGES = {
    "en": [SmallPage(1, "Berlin", "Berlin is in [[Germany]]."), SmallPage(2, "Germany", "A country.")],
    "de": [SmallPage(1, "Berlin", "Berlin liegt in [[Deutschland]]."), SmallPage(2, "Deutschland", "Ein Land.")],
}
EN, DE = (f"{wiki}-20260901-pages-articles.xml.bz2" for wiki in ("enwiki", "dewiki"))
EN_PROPS, DE_PROPS = (f"{wiki}-20260901-page_props.sql.gz" for wiki in ("enwiki", "dewiki"))
EXPORTS = "/dumps/other/mediawiki_content_current"
PROPS = gzip.compress(
    sql("page_props", [(1, "wikibase_item", "Q64", None), (2, "wikibase_item", "Q183", None)]).encode()
)


def fill(server: Server, language: str, pages: list[SmallPage]) -> None:
    """Both families of a wiki."""
    wiki, first, second = (
        f"{language}wiki",
        dump_xml(language, pages[:1]).encode(),
        dump_xml(language, pages[1:]).encode(),
    )
    names = {
        f"{wiki}-20260901-pages-articles.xml.bz2": bz2.compress(dump_xml(language, pages).encode()),
        f"{wiki}-20260901-page_props.sql.gz": PROPS,
    }
    files = {name: {"size": len(content), "sha1": hashlib.sha1(content).hexdigest()} for name, content in names.items()}
    server.files |= {f"/dumps/{wiki}/20260901/{name}": content for name, content in names.items()}
    server.files[f"/dumps/{wiki}/20260901/dumpstatus.json"] = json.dumps(
        {"jobs": {"all": {"status": "done", "files": files}}}
    ).encode()
    server.files[f"/dumps/{wiki}/"] = b'<a href="20260820/">20260820/</a> <a href="20260901/">20260901/</a>'
    folder = f"{EXPORTS}/{wiki}/2026-09-01/xml/bzip2/"
    parts = {
        f"{wiki}-2026-09-01-p1p1.xml.bz2": bz2.compress(first),
        f"{wiki}-2026-09-01-p2p2.xml.bz2": bz2.compress(second),
    }
    server.files |= {folder + name: content for name, content in parts.items()}
    server.files[f"{folder}SHA256SUMS"] = "".join(
        f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in parts.items()
    ).encode()
    server.files[f"{EXPORTS}/{wiki}/"] = b'<a href="2026-09-01/">2026-09-01/</a>'


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A mirror of two wikis, and little patience with it."""
    monkeypatch.setattr(download, "PATIENCE", Patience(tries=3, first_delay=0.01, timeout=5))
    with serving() as server:
        for language, pages in PAGES.items():
            fill(server, language, pages)
        yield server


def get(server: Server, folder: Path, *flags: object, languages: str = "en,de") -> Ran:
    return run("download", "--dumps", folder, "--languages", languages, "--mirror", f"{server.url}/dumps/", *flags)


def files(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def wanted(server: Server) -> dict[str, bytes]:
    """What the classic family gives."""
    names = {"dewiki": (DE_PROPS, DE), "enwiki": (EN_PROPS, EN)}
    paths = [f"{wiki}/20260901/{name}" for wiki, of_wiki in names.items() for name in of_wiki]
    return {path: server.files[f"/dumps/{path}"] for path in paths}


def got(server: Server) -> list[str]:
    """The names of the dumps and tables that were asked for."""
    return sorted(
        path.rpartition("/")[2]
        for command, path, _ in server.requests
        if command == "GET" and path[-2:] in ("z2", "gz")
    )


@pytest.mark.parametrize("family", ["classic", "content"])
def test_what_was_got_can_be_built(server: Server, tmp_path: Path, family: str) -> None:
    ran = get(server, tmp_path / "dumps", "--family", family)
    assert ran.status == 0, ran
    date = "20260901" if family == "classic" else "2026-09-01"
    assert f"the latest date is {date}" in ran.err
    assert ran.err.endswith(f"Next: mlukit build --dumps {tmp_path}/dumps --date {date} --languages en,de …\n")
    if family == "classic":
        assert files(tmp_path / "dumps") == wanted(server)
    for flags in (("--date", date), ()):
        shutil.rmtree(tmp_path / "OUT", ignore_errors=True)
        built = run("link", "--dumps", tmp_path / "dumps", "--output", tmp_path / "OUT", *flags, IN_MEMORY)
        assert built.status == 0, built.err
        record = json.loads((tmp_path / "OUT/link.json").read_bytes())
        assert [record["languages"][code]["flows"]["links with item"]["out"] for code in ("de", "en")] == [1, 1]


def test_a_plan_and_no_more(server: Server, tmp_path: Path) -> None:
    ran = get(server, tmp_path / "dumps", "--date", "2026-09-01", "--dry-run")
    sizes = {name.rpartition("/")[2]: f"{len(content)} B" for name, content in server.files.items()}
    assert ran.status == 0
    assert ran.out.splitlines()[:6] == [
        "enwiki 20260901",
        *(f"  {sizes[name]:>9}  {name}" for name in (EN, EN_PROPS)),
        "dewiki 20260901",
        *(f"  {sizes[name]:>9}  {name}" for name in (DE, DE_PROPS)),
    ]
    assert ran.out.splitlines()[6].startswith("4 files, 1.")
    assert not (tmp_path / "dumps").exists()
    assert got(server) == []


def dry_run(url: str, folder: Path) -> tuple[list[str], float]:
    """What a dry run says without an answer, and the seconds that it takes."""
    begun = time.monotonic()
    ran = run("download", "--dumps", folder, "--languages", "en", "--mirror", url, "--dry-run")
    assert (ran.status, ran.out) == (1, "")
    return ran.err.splitlines(), time.monotonic() - begun


def test_a_dry_run_without_an_answer_fails_soon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        lines, seconds = dry_run(f"http://{address}", tmp_path)
    assert seconds < 12
    assert lines == [
        f"download: asking http://{address} which files it has",
        f"mlukit download: http://{address}/enwiki/: {address} accepted the connection, but sent nothing for 3 seconds "
        "(tries: 2)",
    ]
    lines, seconds = dry_run(f"http://{address}", tmp_path)
    assert seconds < 5
    assert lines[1:] == [f"mlukit download: http://{address}/enwiki/: {address} refuses connections (tries: 2)"]


def test_a_dry_run_whose_name_look_up_hangs_fails_soon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    released = threading.Event()
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: released.wait(60))
    lines, seconds = dry_run("https://mirror.example.org", tmp_path)
    released.set()
    assert seconds < 12
    assert lines[1:] == ["mlukit download: https://mirror.example.org/enwiki/: no answer within 4 seconds (tries: 2)"]


def test_a_dry_run_does_not_wait_for_a_busy_server(server: Server, tmp_path: Path) -> None:
    server.faults["/dumps/enwiki/"] = [status(429, Retry_After="60")]
    lines, seconds = dry_run(f"{server.url}/dumps", tmp_path)
    assert seconds < 5
    assert lines[1].endswith("the server answers 429 Too Many Requests (tries: 1; the server asks for a pause of 60 s)")


def test_a_download_itself_stays_patient(server: Server, tmp_path: Path) -> None:
    server.faults["/dumps/enwiki/"] = [status(503), status(503)]
    assert Patience().tries == 8
    assert get(server, tmp_path / "dumps").status == 0


def test_goes_on(server: Server, tmp_path: Path) -> None:
    server.forever, server.faults[f"/dumps/enwiki/20260901/{EN}"] = True, [status(503)]
    ran = get(server, tmp_path)
    assert ran.status == 1
    assert "mlukit download: 1 of 4 files could not be downloaded:\n" in ran.err
    assert f"{EN}: the server answers 503" in ran.err
    assert f"enwiki/20260901/{EN}" not in files(tmp_path)
    assert len(files(tmp_path)) == 3 + (tmp_path / f"enwiki/20260901/{EN}.part").exists()
    part = server.files[f"/dumps/enwiki/20260901/{EN}"][:100]
    (tmp_path / f"enwiki/20260901/{EN}.part").write_bytes(part)
    server.faults.clear()
    server.requests.clear()
    ran = get(server, tmp_path)
    assert ran.status == 0, ran.err
    assert "100 B already there" in ran.out and f"{EN_PROPS}  already there" in ran.out
    assert files(tmp_path) == wanted(server)
    assert [(path.rpartition("/")[2], span) for _, path, span in server.requests if span] == [(EN, "bytes=100-")]
    assert got(server) == [EN]
    server.requests.clear()
    assert get(server, tmp_path).status == 0
    assert got(server) == []


def test_every_fault_at_once(server: Server, tmp_path: Path) -> None:
    with serving() as other:
        other.files["/there"] = server.files[f"/dumps/dewiki/20260901/{DE}"]
        server.faults = {
            "/dumps/enwiki/": [status(503)],
            "/dumps/dewiki/20260901/dumpstatus.json": [status(429, Retry_After="0")],
            f"/dumps/enwiki/20260901/{EN}": [break_off(50), break_off(0)],
            f"/dumps/enwiki/20260901/{EN_PROPS}": [instead(bytes(len(PROPS)))],
            f"/dumps/dewiki/20260901/{DE}": [status(302, Location=f"{other.url}/there")],
        }
        ran = get(server, tmp_path)
    assert ran.status == 0, ran.err
    assert files(tmp_path) == wanted(server)


def test_every_error_is_named_and_the_rest_is_got(server: Server, tmp_path: Path) -> None:
    del server.files[f"/dumps/enwiki/20260901/{EN}"]
    server.faults[f"/dumps/dewiki/20260901/{DE}"] = [
        instead(b"?" * len(server.files[f"/dumps/dewiki/20260901/{DE}"]))
    ] * 2
    ran = get(server, tmp_path)
    assert ran.status == 1
    assert "2 of 4 files could not be downloaded" in ran.err
    assert f"{EN}: there is no such file (404)" in ran.err
    assert f"{DE} is not the file in the mirror's list, also at the second try" in ran.err
    assert sorted(files(tmp_path)) == [f"dewiki/20260901/{DE_PROPS}", f"enwiki/20260901/{EN_PROPS}"]


def test_two_connections_at_most(server: Server, tmp_path: Path) -> None:
    busy, most, lock = [0], [0], threading.Lock()

    def slow(request: Request, content: bytes) -> None:
        with lock:
            busy[0] += 1
            most[0] = max(most[0], busy[0])
        threading.Event().wait(0.05)
        with lock:
            busy[0] -= 1
        request.send_range(content)

    server.faults = {path: [slow] for path in server.files if path[-2:] in ("z2", "gz")}
    assert get(server, tmp_path).status == 0
    assert most == [2]


def test_too_little_space(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10, 0, 10))
    ran = get(server, tmp_path / "dumps")
    assert ran.status == 1
    assert "would not fit into" in ran.err and "which has 10 B free" in ran.err
    assert got(server) == []


def test_files_of_the_user(server: Server, tmp_path: Path) -> None:
    (tmp_path / "enwiki/20260901").mkdir(parents=True)
    (tmp_path / f"enwiki/20260901/{EN}").write_bytes(b"mine")
    ran = get(server, tmp_path)
    assert (ran.status, "has 4 bytes" in ran.err, f"delete {EN}, then" in ran.err) == (1, True, True)
    (tmp_path / f"enwiki/20260901/{EN}").rename(tmp_path / "enwiki-20260901-pages-articles-multistream.xml.bz2")
    ran = get(server, tmp_path)
    assert (ran.status, "2 dumps match language 'en'" in ran.err) == (1, True)
    assert got(server) == []


def test_one_download_a_folder(server: Server, tmp_path: Path) -> None:
    descriptor = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    ran = get(server, tmp_path)
    assert (ran.status, "another mlukit download writes to" in ran.err) == (1, True)
    os.close(descriptor)
    assert get(server, tmp_path).status == 0


def test_ctrl_c(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(download._Progress, "show", interrupt)
    ran = get(server, tmp_path)
    assert ran.status == 130
    assert ran.err.endswith("Downloaded files are kept: run the same command again to continue.\n")


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--languages", "xx"], "--languages: no Wikipedia has the code 'xx'"),
        (["--languages", "../x"], "--languages: no Wikipedia has the code '../x'"),
        (["--languages", ","], "argument --languages: ',' is empty; accepted: one or more words, such as en,de"),
        (
            ["--date", "yesterday"],
            "date 'yesterday' is not valid; accepted: a date such as 20260901 or 2026-09-01, or latest",
        ),
        (
            ["--mirror", "ftp://example.org"],
            "'ftp://example.org' is not valid; accepted: an http:// or https:// address",
        ),
        (["--mirror", "https://me:secret@example.org"], "accepted: an http:// or https:// address without credentials"),
        (["--family", "new"], "argument --family: invalid choice: 'new'"),
        (["--tables", "revision"], "argument --tables: 'revision' is not one of page_props, langlinks"),
        (["--contact", "a\nb"], "--contact 'a\\nb' is wrong; accepted: letters, digits and signs of ASCII"),
        (["--dumps", "s3://bucket"], "--dumps s3://bucket is wrong; accepted: a folder on this machine"),
    ],
)
def test_wrongly_asked(tmp_path: Path, flags: list[str], message: str) -> None:
    ran = run("download", "--dumps", tmp_path, "--languages", "en", "--mirror", "http://127.0.0.1:9", *flags)
    assert ran.status == 2
    assert complaint(ran).startswith("mlukit download: ")
    assert message in ran.err


def test_a_mirror_without_the_wiki(server: Server, tmp_path: Path) -> None:
    ran = get(server, tmp_path, languages="fr")
    assert ran.status == 1
    assert "the mirror has no classic dumps of frwiki" in ran.err
    ran = get(server, tmp_path, "--date", "20260801")
    assert (ran.status, "has neither dumpstatus.json nor enwiki-20260801-sha1sums.txt" in ran.err) == (1, True)
