"""Gets files from a web server: politely, patiently, and none but the right ones.

Ranges: RFC 9110, section 14; Retry-After: section 10.2.3. How Wikimedia wants programs to name themselves:
https://foundation.wikimedia.org/wiki/Policy:Wikimedia_Foundation_User-Agent_Policy.
"""

import hashlib
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from threading import Event
from typing import TypeVar
from urllib.parse import urljoin, urlsplit

import requests
import urllib3

from mlukit.corpus.web.retry_after import retry_after

T = TypeVar("T")
_BUSY = {429, 500, 502, 503, 504}
_MOVED = {301, 302, 303, 307, 308}
_MAX_REDIRECTS = 5
_MAX_LISTING = 64 << 20  # bytes; that of enwiki, the largest, has about 1 MB
_CHUNK = 1 << 20
_GAIN = 1 << 20  # bytes that make another try worth a new beginning of patience
_SLOW = (60.0, 60 << 10)  # a connection that brings less bytes than this in so many seconds is given up


class DownloadError(Exception):
    """Something cannot be got: the message says what, why, and what can be done."""


class NotFoundError(DownloadError):
    """The server has no such file."""


class StoppedError(DownloadError):
    """`Client.stop` was called."""


class _TryAgainError(Exception):
    """What another try may mend."""

    def __init__(self, text: str, pause: float | None = None, reached: int = 0) -> None:
        super().__init__(text)
        self.pause, self.reached = pause, reached  # seconds that the server asks for; bytes that are there


class _OtherFileError(Exception):
    """The server's file is not the one in its list."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a server is waited for. Times are seconds."""

    tries: int = 8  # one after the other that bring nothing
    first_delay: float = 2.0  # after a failed try; doubles with each
    max_delay: float = 600.0  # a server that asks for more ends the run
    timeout: float = 60.0  # for a connection, and for each wait for bytes


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file to get, and what is known of it."""

    url: str
    path: str  # where it goes, below the folder of downloads
    size: int  # bytes
    algorithm: str = ""  # of the checksum, as hashlib has it; "" where none is known
    checksum: str = ""  # in hexadecimal digits


def check_url(url: str, came_from: str = "") -> None:
    """Refuses an address that is not of the web, carries credentials, or leads from https back to http.

    Raises:
        DownloadError: the address is refused.
    """
    try:
        parts = urlsplit(url)
        plain = bool(parts.hostname) and parts.username is None and (parts.port or 1) > 0
    except ValueError:
        parts, plain = urlsplit(""), False
    if parts.scheme not in ("http", "https") or not plain:
        what = f"{came_from} leads to {url[:200]!r}" if came_from else f"{url[:200]!r}"
        raise DownloadError(f"{what}; accepted: an http:// or https:// address without credentials")
    if came_from.startswith("https:") and parts.scheme == "http":
        raise DownloadError(f"{came_from} leads to {url[:200]}, which is not encrypted; accepted: https://")


class _Session(requests.Session):
    """Follows no redirects: requests would read the whole body of one, and ask wherever it leads."""

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """None: there is never one."""
        return None


def _redirected(url: str, location: str) -> str:
    try:
        target = urljoin(url, location)
    except ValueError:
        target = location
    check_url(target, url)
    return target


class Client:
    """Asks web servers for files. Threads may share one.

    Args:
        contact: an address that the server's people may write to.
        notify: is told why a try failed and when the next one comes.
    """

    def __init__(
        self, contact: str = "", patience: Patience | None = None, notify: Callable[[str], None] = lambda _: None
    ) -> None:
        self._patience = patience or Patience()
        self._notify = notify
        self._stopped = Event()
        self._not_before = 0.0  # by time.monotonic: what a busy server asks for holds for all threads
        self._session = _Session()
        self._session.auth = lambda request: request  # or it would look credentials up in ~/.netrc
        agent = f"mlukit/{_version()} ({contact or 'no contact given'}) python-requests/{version('requests')}"
        self._session.headers.update({"User-Agent": agent, "Accept-Encoding": "identity"})

    def stop(self) -> None:
        """Makes all that is under way end with a StoppedError soon."""
        self._stopped.set()

    def read(self, url: str) -> bytes:
        """A small file, such as a list.

        Raises:
            NotFoundError: there is none.
            DownloadError: it cannot be got, or is not small.
        """

        def attempt() -> bytes:
            with self._open("GET", url) as response:
                content = bytearray()
                for chunk in self._chunks(response):
                    content += chunk
                    if len(content) > _MAX_LISTING:
                        raise DownloadError(f"{url} has over {_MAX_LISTING:,} bytes, more than a list can have")
                return bytes(content)

        return self._patiently(url, attempt)

    def size(self, url: str) -> int:
        """The size of a file in bytes; raises as `read` does."""

        def attempt() -> int:
            with self._open("HEAD", url) as response:
                length = response.headers.get("Content-Length", "")
                if not re.fullmatch(r"[0-9]{1,18}", length):
                    raise DownloadError(f"{url}: neither the list nor the server says how large it is")
                return int(length)

        return self._patiently(url, attempt)

    def fetch(self, file: RemoteFile, folder: Path, report: Callable[[str, int], None] = lambda *_: None) -> None:
        """Gets a file, or the rest of it: into `{name}.part`, which gets its name when it is whole and right.

        A file of that name that is there is held against the checksum, and stays.

        Args:
            report: called now and then with the file's path and how many bytes are there.

        Raises:
            NotFoundError: the server does not have it.
            DownloadError: it cannot be got, or was not the right one, twice.
            OSError: it cannot be written.
        """
        final = folder / file.path
        part = final.with_name(final.name + ".part")
        if final.exists():
            if problem := _difference(final, file):
                raise DownloadError(f"{final} is not the file that {file.url} should be: {problem}; take it away")
            return report(file.path, file.size)
        part.parent.mkdir(parents=True, exist_ok=True)
        problem = ""
        for _ in range(2):
            try:
                self._patiently(file.url, lambda: self._append(file, part, report))
                problem = _difference(part, file)
            except _OtherFileError as error:
                problem = str(error)
            except OSError as error:  # a full disk does not say which
                error.filename = error.filename or str(part)
                raise
            if not problem:
                part.replace(final)
                return report(file.path, file.size)
            part.unlink(missing_ok=True)
        raise DownloadError(f"{file.url} is not the file in the mirror's list, at the second try either: {problem}")

    def _append(self, file: RemoteFile, part: Path, report: Callable[[str, int], None]) -> None:
        """Gets what is not there yet."""
        existing = part.stat().st_size if part.exists() else 0
        usable = existing <= file.size and file.checksum  # only a checksum can show that the two parts fit
        position = existing if usable else 0
        if position == file.size > 0:
            return
        with self._open("GET", file.url, position) as response, part.open("ab") as out:
            if response.status_code != 206:
                position = 0
            _check_answer(response, position, file.size)
            out.truncate(position)
            for chunk in self._chunks(response, position):
                if position + len(chunk) > file.size:
                    raise _OtherFileError(f"it has more than the {file.size:,} bytes of the list")
                out.write(chunk)
                position += len(chunk)
                report(file.path, position)
            if position < file.size:
                raise _TryAgainError(
                    f"the connection ended after {position:,} of {file.size:,} bytes", reached=position
                )
            out.flush()
            os.fsync(out.fileno())

    def _patiently(self, url: str, attempt: Callable[[], T]) -> T:
        failed = best = 0
        while True:
            try:
                return attempt()
            except _TryAgainError as error:
                if error.reached >= best + _GAIN:
                    failed, best = 0, error.reached
                failed += 1
                delay = min(self._patience.first_delay * 2 ** (failed - 1), self._patience.max_delay)
                if error.pause is not None:
                    delay = error.pause
                    self._not_before = time.monotonic() + min(delay, self._patience.max_delay)
                if failed >= self._patience.tries or delay > self._patience.max_delay:
                    asked = "" if error.pause is None else f", it asks for a pause of {error.pause:.0f} s"
                    raise DownloadError(f"{url}: {error} (tries: {failed}{asked})") from error
                self._notify(f"{url}: {error}; next try in {delay:.0f} s")
            self._wait(delay)

    def _wait(self, seconds: float) -> None:
        if self._stopped.wait(max(seconds, 0)):
            raise StoppedError("stopped")

    @contextmanager
    def _open(self, method: str, url: str, start: int = 0) -> Iterator[requests.Response]:
        """The answer that redirects lead to, its body unread."""
        self._wait(self._not_before - time.monotonic())
        headers = {"Range": f"bytes={start}-"} if start else {}
        for _ in range(_MAX_REDIRECTS + 1):
            with self._ask(method, url, headers) as response:
                if response.status_code not in _MOVED:
                    _check_status(url, response)
                    yield response
                    return
                url = _redirected(url, response.headers.get("Location", ""))
        raise DownloadError(f"{url}: more than {_MAX_REDIRECTS} redirects")

    def _ask(self, method: str, url: str, headers: dict[str, str]) -> requests.Response:
        try:
            return self._session.request(
                method, url, headers=headers, stream=True, allow_redirects=False, timeout=self._patience.timeout
            )
        except requests.exceptions.SSLError as error:
            raise DownloadError(f"{url}: {error}") from error
        except (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError) as error:
            raise _TryAgainError(f"no answer: {type(error).__name__}: {error!s:.200}") from error
        except (requests.RequestException, UnicodeError) as error:
            raise DownloadError(f"{url}: {error}") from error

    def _chunks(self, response: requests.Response, position: int = 0) -> Iterator[bytes]:
        """The bytes of a body as they are sent: requests itself would decompress what is labelled as compressed."""
        start, got = time.monotonic(), 0
        while True:
            self._wait(0)
            try:
                chunk = response.raw.read1(_CHUNK, decode_content=False)
            except (urllib3.exceptions.HTTPError, OSError) as error:
                raise _TryAgainError(
                    f"the connection broke: {type(error).__name__}: {error!s:.200}", reached=position
                ) from error
            if not chunk:
                return
            yield chunk
            position, got = position + len(chunk), got + len(chunk)
            if (now := time.monotonic()) - start > _SLOW[0]:
                if got < _SLOW[1]:
                    raise _TryAgainError(f"only {got:,} bytes came in {now - start:.0f} s", reached=position)
                start, got = now, 0


def _version() -> str:
    try:
        return version("mlukit")
    except PackageNotFoundError:
        return "unknown"


def _check_status(url: str, response: requests.Response) -> None:
    status = response.status_code
    if status in _BUSY:
        raise _TryAgainError(f"the server answers {status} {response.reason}", retry_after(response))
    if status in (404, 410):
        raise NotFoundError(f"{url}: there is no such file ({status})")
    if status not in (200, 206, 416):
        raise DownloadError(f"{url}: the server answers {status} {response.reason}")


def _check_answer(response: requests.Response, position: int, size: int) -> None:
    """Refuses an answer that does not go on at a byte, or is of a file of another size than the list's."""
    if response.status_code == 416:
        raise _OtherFileError(f"the server has no byte {position:,} of it, the list says {size:,} bytes")
    if response.status_code == 206:
        span = re.fullmatch(r"bytes (\d{1,18})-\d{1,18}/(\d{1,18}|\*)", response.headers.get("Content-Range", ""))
        if not span or int(span[1]) != position:
            raise _OtherFileError(f"asked for what follows byte {position:,}, the server sent something else")
        length = span[2]
    else:
        length = response.headers.get("Content-Length", "*")
    if length.isdecimal() and int(length) != size:
        raise _OtherFileError(f"the server's has {int(length):,} bytes, the list says {size:,}")


def _difference(path: Path, file: RemoteFile) -> str:
    """What distinguishes a file that is there from the one in the list; "" where nothing does."""
    size = path.stat().st_size
    if size != file.size:
        return f"it has {size:,} bytes, the list says {file.size:,}"
    if not file.checksum:
        return ""
    with path.open("rb") as stream:
        found = hashlib.file_digest(stream, file.algorithm).hexdigest()
    return "" if found == file.checksum else f"its {file.algorithm} is {found}, the list says {file.checksum}"
