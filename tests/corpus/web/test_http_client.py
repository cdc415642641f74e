"""Files from a server that breaks off, lies, is busy or leads elsewhere."""

import errno
import hashlib
import socket
import threading
import time
from collections.abc import Iterator
from email.utils import formatdate
from pathlib import Path

import pytest

from mlukit.corpus.web import http_client as download
from mlukit.corpus.web.http_client import (
    Client,
    DownloadError,
    NotFoundError,
    Patience,
    RemoteFile,
    StoppedError,
    check_url,
)
from tests.web_server import Fault, Server, break_off, chunked, drip, instead, serving, status

CONTENT = bytes(range(256)) * 40
PATIENCE = Patience(tries=4, first_delay=0.01, max_delay=5, timeout=5)


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as server:
        server.files["/a.gz"] = CONTENT
        yield server


@pytest.fixture
def notices() -> list[str]:
    return []


@pytest.fixture
def client(notices: list[str]) -> Client:
    return Client("someone@example.org", PATIENCE, notices.append)


def remote(server: Server, content: bytes = CONTENT, size: int | None = None) -> RemoteFile:
    checksum = hashlib.sha1(content).hexdigest()
    return RemoteFile(f"{server.url}/a.gz", "x/a.gz", len(content) if size is None else size, "sha1", checksum)


def asked_for(server: Server) -> list[str]:
    """The ranges asked for."""
    return [span for _, _, span in server.requests]


def part(folder: Path, content: bytes) -> None:
    """What an earlier run has left."""
    (folder / "x").mkdir()
    (folder / "x/a.gz.part").write_bytes(content)


def only_the_file(folder: Path) -> bool:
    return [path.name for path in (folder / "x").iterdir()] == ["a.gz"] and (folder / "x/a.gz").read_bytes() == CONTENT


def test_a_file(server: Server, client: Client, tmp_path: Path) -> None:
    reports: list[tuple[str, int]] = []
    client.fetch(remote(server), tmp_path, lambda path, size: reports.append((path, size)))
    assert only_the_file(tmp_path)
    assert reports[-1] == ("x/a.gz", len(CONTENT))
    assert asked_for(server) == [""]
    headers = server.headers[0]
    assert headers["User-Agent"].startswith("mlukit/") and "(someone@example.org)" in headers["User-Agent"]
    assert headers["Accept-Encoding"] == "identity"
    client.fetch(remote(server), tmp_path)  # it is there
    assert len(server.requests) == 1


def test_an_empty_file(server: Server, client: Client, tmp_path: Path) -> None:
    server.files["/a.gz"] = b""
    client.fetch(remote(server, b""), tmp_path)
    assert (tmp_path / "x/a.gz").read_bytes() == b""


def test_what_is_labelled_as_compressed_stays_compressed(server: Server, client: Client, tmp_path: Path) -> None:
    server.faults["/a.gz"] = [instead(CONTENT, Content_Encoding="gzip")]
    client.fetch(remote(server), tmp_path)
    assert only_the_file(tmp_path)


def test_goes_on_where_it_broke_off(server: Server, client: Client, tmp_path: Path, notices: list[str]) -> None:
    server.faults["/a.gz"] = [break_off(1000), break_off(0), break_off(500)]
    client.fetch(remote(server), tmp_path)
    assert only_the_file(tmp_path)
    assert asked_for(server) == ["", "bytes=1000-", "bytes=1000-", "bytes=1500-"]
    assert len(notices) == 3


def test_goes_on_with_what_an_earlier_run_left(server: Server, client: Client, tmp_path: Path) -> None:
    part(tmp_path, CONTENT[:4000])
    client.fetch(remote(server), tmp_path)
    assert only_the_file(tmp_path)
    assert asked_for(server) == ["bytes=4000-"]


def test_a_whole_part_is_not_got_again(server: Server, client: Client, tmp_path: Path) -> None:
    part(tmp_path, CONTENT)
    client.fetch(remote(server), tmp_path)
    assert only_the_file(tmp_path)
    assert asked_for(server) == []


@pytest.mark.parametrize("left", [b"?" * 4000, b"?" * len(CONTENT), b"?" * 2 * len(CONTENT)])
def test_a_part_of_another_file_is_thrown_away(server: Server, client: Client, tmp_path: Path, left: bytes) -> None:
    part(tmp_path, left)
    client.fetch(remote(server), tmp_path)
    assert only_the_file(tmp_path)
    assert asked_for(server)[-1] == ""


def test_without_a_checksum_a_part_is_not_trusted(server: Server, client: Client, tmp_path: Path) -> None:
    part(tmp_path, b"?" * 4000)
    client.fetch(RemoteFile(f"{server.url}/a.gz", "x/a.gz", len(CONTENT)), tmp_path)
    assert only_the_file(tmp_path)
    assert asked_for(server) == [""]


def test_a_server_without_ranges(server: Server, client: Client, tmp_path: Path) -> None:
    part(tmp_path, CONTENT[:4000])
    server.faults["/a.gz"] = [instead(CONTENT)]
    client.fetch(remote(server), tmp_path)
    assert only_the_file(tmp_path)


def test_a_server_that_sends_another_range(server: Server, client: Client, tmp_path: Path) -> None:
    part(tmp_path, CONTENT[:4000])
    server.faults["/a.gz"] = [
        lambda request, content: request.answer(206, {"Content-Range": "bytes 0-9/10240"}, content[:10])
    ]
    client.fetch(remote(server), tmp_path)
    assert only_the_file(tmp_path)
    assert asked_for(server) == ["bytes=4000-", ""]


def test_patience_begins_anew_when_something_came(
    server: Server, client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "_GAIN", 1000)
    server.faults["/a.gz"] = [break_off(1000) for _ in range(9)]
    client.fetch(remote(server), tmp_path)
    assert only_the_file(tmp_path)


def test_a_connection_that_always_breaks(server: Server, client: Client, tmp_path: Path) -> None:
    server.forever, server.faults["/a.gz"] = True, [break_off(0)]
    with pytest.raises(DownloadError, match=r"the connection .*\(tries: 4\)"):
        client.fetch(remote(server), tmp_path)
    assert len(server.requests) == 4


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (instead(b"?" * len(CONTENT)), "its sha1 is [0-9a-f]{40}, but the list says [0-9a-f]{40}"),
        (instead(CONTENT + b"?"), "the server's file has 10,241 bytes, but the list says 10,240"),
        (instead(CONTENT[:-1]), "the server's file has 10,239 bytes, but the list says 10,240"),
        (chunked(*[CONTENT] * 3), "more than the 10,240 bytes of the list"),
    ],
)
def test_another_file(server: Server, client: Client, tmp_path: Path, fault: Fault, message: str) -> None:
    """Once it is thrown away and got again, twice it is an error."""
    server.faults["/a.gz"] = [fault]
    client.fetch(remote(server), tmp_path)
    assert only_the_file(tmp_path)
    (tmp_path / "x/a.gz").unlink()
    server.faults["/a.gz"] = [fault, fault]
    with pytest.raises(DownloadError, match=f"is not the file in the mirror's list, also at the second try.*{message}"):
        client.fetch(remote(server), tmp_path)
    assert list((tmp_path / "x").iterdir()) == []


def test_another_file_that_is_there_stays(server: Server, client: Client, tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    (tmp_path / "x/a.gz").write_bytes(b"mine")
    with pytest.raises(DownloadError, match=r"is not the file http.* delete it to download it again"):
        client.fetch(remote(server), tmp_path)
    assert (tmp_path / "x/a.gz").read_bytes() == b"mine"


def test_missing(server: Server, client: Client) -> None:
    for code in (404, 410):
        server.faults["/none"] = [status(code)]
        with pytest.raises(NotFoundError, match="there is no such file"):
            client.read(f"{server.url}/none")
    with pytest.raises(NotFoundError):
        client.size(f"{server.url}/none")
    assert len(server.requests) == 3


@pytest.mark.parametrize("code", [401, 403, 418])
def test_refused(server: Server, client: Client, code: int) -> None:
    server.faults["/a.gz"] = [status(code)]
    with pytest.raises(DownloadError, match=f"the server answers {code}"):
        client.read(f"{server.url}/a.gz")


@pytest.mark.parametrize("code", [429, 500, 502, 503, 504])
def test_busy(server: Server, client: Client, code: int, notices: list[str]) -> None:
    server.faults["/a.gz"] = [status(code), status(code, Retry_After="0"), status(code, Retry_After=formatdate(1))]
    assert client.read(f"{server.url}/a.gz") == CONTENT
    assert len(notices) == 3
    server.faults["/a.gz"] = [status(code)] * 4
    with pytest.raises(DownloadError, match=rf"answers {code} .*\(tries: 4\)"):
        client.read(f"{server.url}/a.gz")


def test_pauses_that_are_asked_for(server: Server, client: Client) -> None:
    server.faults["/a.gz"] = [status(429, Retry_After="1")]
    start = time.monotonic()
    client.read(f"{server.url}/a.gz")
    assert time.monotonic() - start >= 1
    server.faults["/a.gz"] = [status(429, Retry_After="99999")]
    with pytest.raises(DownloadError, match="the server asks for a pause of 99999 s"):
        client.read(f"{server.url}/a.gz")


def test_no_server(client: Client) -> None:
    with pytest.raises(DownloadError, match=r"^http://127.0.0.1:9/: 127.0.0.1:9 refuses connections \(tries: 4\)$"):
        client.read("http://127.0.0.1:9/")


def impatient(monkeypatch: pytest.MonkeyPatch, url: str, **patience: float) -> str:
    """The error of a client with one try for an address."""
    monkeypatch.setenv("NO_PROXY", "*")
    with pytest.raises(DownloadError) as error:
        Client(patience=Patience(tries=1, **patience)).read(url)
    return str(error.value)


def test_an_address_without_a_server_is_told_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    def look_up(name: str, *_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    assert impatient(monkeypatch, "https://mirror.example.org/list") == (
        "https://mirror.example.org/list: no address is known for the name mirror.example.org; is this machine "
        "connected to a network? (tries: 1)"
    )


def test_a_look_up_of_a_name_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    released = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: released.wait(60))
    begun = time.monotonic()
    said = impatient(monkeypatch, "https://mirror.example.org/list", answer_within=0.3)
    released.set()
    assert said == "https://mirror.example.org/list: no answer within 0.3 seconds (tries: 1)"
    assert time.monotonic() - begun < 5


def test_a_server_that_accepts_and_says_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        said = impatient(monkeypatch, f"http://{address}/list", timeout=0.3)
    assert said == (
        f"http://{address}/list: {address} accepted the connection, but sent nothing for 0.3 seconds (tries: 1)"
    )


def test_a_network_that_does_not_lead_there_is_told_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    def connect(*_: object, **__: object) -> None:
        raise OSError(errno.ENETUNREACH, "Network is unreachable")

    monkeypatch.setattr("urllib3.util.connection.create_connection", connect)
    said = impatient(monkeypatch, "http://192.0.2.1/list")
    assert said == "http://192.0.2.1/list: 192.0.2.1 cannot be reached (Network is unreachable) (tries: 1)"


def test_redirects(server: Server, client: Client, tmp_path: Path) -> None:
    with serving() as other:
        other.files["/there"] = CONTENT
        server.faults["/a.gz"] = [status(302, Location="/b"), status(307, Location=f"{other.url}/there")]
        server.faults["/b"] = [status(301, Location=f"{other.url}/there")]
        other.faults["/there"] = [break_off(1000)]
        client.fetch(remote(server), tmp_path)
        assert only_the_file(tmp_path)
        assert [span for _, _, span in other.requests] == ["", "bytes=1000-"]


def test_the_body_of_a_redirect_is_not_read(server: Server, client: Client) -> None:
    server.faults["/a.gz"] = [lambda request, _: request.answer(302, {"Location": "/b"}, b"?", 1 << 40)]
    server.files["/b"] = b"there"
    assert client.read(f"{server.url}/a.gz") == b"there"


def test_a_circle_of_redirects(server: Server, client: Client) -> None:
    server.forever, server.faults["/a.gz"] = True, [status(302, Location="/a.gz")]
    with pytest.raises(DownloadError, match="more than 5 redirects"):
        client.read(f"{server.url}/a.gz")
    assert len(server.requests) == 6


@pytest.mark.parametrize(
    "target",
    ["file:///etc/passwd", "ftp://example.org/a", "http://me:secret@example.org/", "http://[", "//a:b:c/"],
)
def test_redirects_that_are_refused(server: Server, client: Client, target: str) -> None:
    server.faults["/a.gz"] = [status(302, Location=target)]
    with pytest.raises(DownloadError, match="accepted: an http:// or https:// address without credentials"):
        client.read(f"{server.url}/a.gz")


def test_addresses() -> None:
    check_url("https://example.org/a", "http://example.org/")
    for url in ("", "a", "dumps", "s3://a/b", "https://:80/", "https://u@example.org"):
        with pytest.raises(DownloadError, match="accepted"):
            check_url(url)
    with pytest.raises(DownloadError, match="not encrypted"):
        check_url("http://example.org/a", "https://example.org/")


def test_no_credentials_are_looked_up(
    server: Server, client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    client.read(f"{server.url}/a.gz")
    assert "Authorization" not in server.headers[0]


def test_lists_are_small(server: Server, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    server.faults["/a.gz"] = [chunked(b"one, ", b"two")]
    assert client.read(f"{server.url}/a.gz") == b"one, two"
    monkeypatch.setattr(download, "_MAX_LISTING", 10_000)
    server.faults["/a.gz"] = [chunked(*[bytes(1000)] * 50)]
    with pytest.raises(DownloadError, match="too much for a list"):
        client.read(f"{server.url}/a.gz")


def test_sizes(server: Server, client: Client) -> None:
    assert client.size(f"{server.url}/a.gz") == len(CONTENT)
    assert server.requests == [("HEAD", "/a.gz", "")]
    server.faults["/a.gz"] = [status(200, Content_Length="many")]
    with pytest.raises(DownloadError, match="how large the file is"):
        client.size(f"{server.url}/a.gz")


def test_a_server_that_drips(
    server: Server, client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, notices: list[str]
) -> None:
    monkeypatch.setattr(download, "_SLOW", (0.1, 1000))
    server.faults["/a.gz"] = [drip(0.02)]
    client.fetch(remote(server), tmp_path)
    assert only_the_file(tmp_path)
    assert "bytes came in" in notices[0]


def test_stop(server: Server, client: Client, tmp_path: Path) -> None:
    client.stop()
    with pytest.raises(StoppedError):
        client.fetch(remote(server), tmp_path)


def test_a_full_disk_is_named(server: Server, client: Client, tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full on this system")
    (tmp_path / "x").mkdir()
    (tmp_path / "x/a.gz.part").symlink_to("/dev/full")
    with pytest.raises(OSError, match=r"a\.gz\.part"):
        client.fetch(remote(server), tmp_path)
