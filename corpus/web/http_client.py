"""Downloads files from a web server: with pauses and repeated tries, and with a check of size and checksum.

Ranges: RFC 9110, section 14; Retry-After: section 10.2.3. Wikimedia's rules for the name that a program sends:
https://foundation.wikimedia.org/wiki/Policy:Wikimedia_Foundation_User-Agent_Policy.
"""

import hashlib
import os
import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from threading import Event, Thread
from typing import TypeVar
from urllib.parse import urljoin, urlsplit

import requests
import urllib3

from mlukit.corpus.web.retry_after import retry_after

T = TypeVar("T")
_BUSY = {429, 500, 502, 503, 504}
_MOVED = {301, 302, 303, 307, 308}
_MAX_REDIRECTS = 5
_MAX_LISTING = 64 << 20  # bytes; the largest list, of enwiki, has about 1 MB
_CHUNK = 1 << 20
_GAIN = 1 << 20  # new bytes in a try, after which failed tries are counted from the beginning
_SLOW = (60.0, 60 << 10)  # (seconds, bytes): a connection that brings fewer bytes in this time is closed


class DownloadError(Exception):
    """A file cannot be downloaded; the message has the file, the reason and what the user can do."""


class NotFoundError(DownloadError):
    """The server has no such file."""


class StoppedError(DownloadError):
    """`Client.stop` was called."""


class _TryAgainError(Exception):
    """An error that may not occur in another try."""

    def __init__(self, text: str, pause: float | None = None, reached: int = 0) -> None:
        super().__init__(text)
        self.pause, self.reached = pause, reached  # seconds that the server asks for; bytes on disk


class _OtherFileError(Exception):
    """The server's file is not the file of its list."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait for a server. Times are in seconds."""

    tries: int = 8  # in a row without new bytes
    first_delay: float = 2.0  # after a failed try; doubles with each
    max_delay: float = 600.0  # a server that asks for more ends the run
    timeout: float = 60.0  # for a connection, and for each wait for bytes
    answer_within: float | None = None  # for the beginning of an answer; None: only the timeouts of its parts


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file to download, and what is known about it."""

    url: str
    path: str  # the path of the downloaded file, below the folder of downloads
    size: int  # bytes
    algorithm: str = ""  # of the checksum, by its name in hashlib; "" without a checksum
    checksum: str = ""  # in hexadecimal digits


def check_url(url: str, came_from: str = "") -> None:
    """Refuses an address that is not http or https, has credentials, or redirects from https to http.

    Args:
        url: the address.
        came_from: the address that redirects to it, or "".

    Raises:
        DownloadError: the address is refused.
    """
    try:
        parts = urlsplit(url)
        plain = bool(parts.hostname) and parts.username is None and (parts.port or 1) > 0
    except ValueError:
        parts, plain = urlsplit(""), False
    if parts.scheme not in ("http", "https") or not plain:
        what = f"{came_from} redirects to {url[:200]!r}" if came_from else f"{url[:200]!r} is not valid"
        raise DownloadError(f"{what}; accepted: an http:// or https:// address without credentials")
    if came_from.startswith("https:") and parts.scheme == "http":
        raise DownloadError(f"{came_from} redirects to {url[:200]}, which is not encrypted; accepted: https://")


class _Session(requests.Session):
    """Does not follow redirects: requests itself would read the body of the answer, and follow to any address."""

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """None, so that no answer counts as a redirect."""
        return None


def _redirected(url: str, location: str) -> str:
    """The address that `url` redirects to, checked."""
    try:
        target = urljoin(url, location)
    except ValueError:
        target = location
    check_url(target, url)
    return target


class Client:
    """Downloads files from web servers. Threads may share a client.

    Args:
        contact: an address at which the server's operators can reach the user.
        patience: how long to wait for a server.
        notify: called with a message when a try failed; the message has the reason and the time of the next try.
    """

    def __init__(
        self, contact: str = "", patience: Patience | None = None, notify: Callable[[str], None] = lambda _: None
    ) -> None:
        self._patience = patience or Patience()
        self._notify = notify
        self._stopped = Event()
        self._not_before = 0.0  # by time.monotonic: a pause that a busy server asks for holds for all threads
        self._session = _Session()
        self._session.auth = lambda request: request  # otherwise requests reads credentials from ~/.netrc
        agent = f"mlukit/{_version()} ({contact or 'no contact given'}) python-requests/{version('requests')}"
        self._session.headers.update({"User-Agent": agent, "Accept-Encoding": "identity"})

    def stop(self) -> None:
        """Makes all running downloads end with a StoppedError soon."""
        self._stopped.set()

    def read(self, url: str) -> bytes:
        """A small file, such as a list.

        Raises:
            NotFoundError: the server has no such file.
            DownloadError: the file cannot be downloaded, or is not small.
        """

        def attempt() -> bytes:
            with self._open("GET", url) as response:
                content = bytearray()
                for chunk in self._chunks(response):
                    content += chunk
                    if len(content) > _MAX_LISTING:
                        raise DownloadError(f"{url} has over {_MAX_LISTING:,} bytes, which is too much for a list")
                return bytes(content)

        return self._patiently(url, attempt)

    def size(self, url: str) -> int:
        """The size of a file in bytes; raises as `read` does."""

        def attempt() -> int:
            with self._open("HEAD", url) as response:
                length = response.headers.get("Content-Length", "")
                if not re.fullmatch(r"[0-9]{1,18}", length):
                    raise DownloadError(f"{url}: neither the list nor the server says how large the file is")
                return int(length)

        return self._patiently(url, attempt)

    def fetch(self, file: RemoteFile, folder: Path, report: Callable[[str, int], None] = lambda *_: None) -> None:
        """Downloads a file, or the rest of it, to `{name}.part`, and renames it when it is complete and correct.

        If the final file exists, it is compared with size and checksum, and is not changed.

        Args:
            file: the file.
            folder: where downloads go.
            report: called from time to time with the file's path and the number of bytes on disk.

        Raises:
            NotFoundError: the server has no such file.
            DownloadError: the file cannot be downloaded, or differed from the list in two tries.
            OSError: the file cannot be written.
        """
        final = folder / file.path
        part = final.with_name(final.name + ".part")
        if final.exists():
            if problem := _difference(final, file):
                raise DownloadError(f"{final} is not the file {file.url}: {problem}; delete it to download it again")
            return report(file.path, file.size)
        part.parent.mkdir(parents=True, exist_ok=True)
        problem = ""
        for _ in range(2):
            try:
                self._patiently(file.url, lambda: self._append(file, part, report))
                problem = _difference(part, file)
            except _OtherFileError as error:
                problem = str(error)
            except OSError as error:  # the error of a full disk has no file name
                error.filename = error.filename or str(part)
                raise
            if not problem:
                part.replace(final)
                return report(file.path, file.size)
            part.unlink(missing_ok=True)
        raise DownloadError(f"{file.url} is not the file in the mirror's list, also at the second try: {problem}")

    def _append(self, file: RemoteFile, part: Path, report: Callable[[str, int], None]) -> None:
        """Downloads the bytes that are not on disk yet."""
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
                    raise _OtherFileError(f"the file has more than the {file.size:,} bytes of the list")
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
        """The result of `attempt`, which is repeated after a _TryAgainError as often as `Patience` allows."""
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
                    requested = "" if error.pause is None else f"; the server asks for a pause of {error.pause:.0f} s"
                    raise DownloadError(f"{url}: {error} (tries: {failed}{requested})") from error
                self._notify(f"{url}: {error}; next try in {delay:.0f} s")
            self._wait(delay)

    def _wait(self, seconds: float) -> None:
        if self._stopped.wait(max(seconds, 0)):
            raise StoppedError("stopped")

    @contextmanager
    def _open(self, method: str, url: str, start: int = 0) -> Iterator[requests.Response]:
        """The answer after all redirects; its body is not read yet."""
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
        """Sends one request; temporary errors become _TryAgainError."""
        seconds, limit = self._patience.timeout, self._patience.answer_within

        def request() -> requests.Response:
            return self._session.request(
                method, url, headers=headers, stream=True, allow_redirects=False, timeout=seconds
            )

        try:
            return request() if limit is None else _within(limit, request)
        except requests.exceptions.SSLError as error:
            raise DownloadError(f"{url}: {error}") from error
        except TimeoutError as error:
            raise _TryAgainError(f"no answer within {limit:g} seconds") from error
        except (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError) as error:
            raise _TryAgainError(_in_words(error, urlsplit(url).netloc, seconds)) from error
        except (requests.RequestException, UnicodeError) as error:
            raise DownloadError(f"{url}: {error}") from error

    def _chunks(self, response: requests.Response, position: int = 0) -> Iterator[bytes]:
        """The bytes of a body as the server sends them; requests would decompress a body that is marked as compressed.

        Args:
            response: the answer.
            position: the number of bytes on disk before this body.
        """
        start, received = time.monotonic(), 0
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
            position, received = position + len(chunk), received + len(chunk)
            if (now := time.monotonic()) - start > _SLOW[0]:
                if received < _SLOW[1]:
                    raise _TryAgainError(f"only {received:,} bytes came in {now - start:.0f} s", reached=position)
                start, received = now, 0


def _within(seconds: float, work: Callable[[], T]) -> T:
    """The result of `work`; TimeoutError if it takes longer than `seconds`.

    The timeouts of requests do not include the look-up of a name, and apply to each address of a server separately.
    """
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:
            future.set_exception(error)

    Thread(target=run, name="request", daemon=True).start()
    return future.result(seconds)


def _in_words(error: requests.RequestException, server: str, seconds: float) -> str:
    """The reason for which a server did not answer, as a sentence for users."""
    cause = getattr(error.args[0], "reason", None) if error.args else None
    system_error = cause.__cause__ if isinstance(cause, Exception) else None
    if isinstance(error, requests.exceptions.ProxyError):
        return f"the proxy cannot be reached ({cause!s:.200})"
    if isinstance(cause, urllib3.exceptions.NameResolutionError):
        return f"no address is known for the name {server}; is this machine connected to a network?"
    if isinstance(error, requests.ConnectTimeout):
        return f"{server} did not accept the connection within {seconds:g} seconds"
    if isinstance(error, requests.ReadTimeout):
        return f"{server} accepted the connection, but sent nothing for {seconds:g} seconds"
    if isinstance(system_error, ConnectionRefusedError):
        return f"{server} refuses connections"
    if isinstance(system_error, OSError):
        return f"{server} cannot be reached ({system_error.strerror or system_error})"
    return f"no answer: {type(error).__name__}: {error!s:.200}"


def _version() -> str:
    try:
        return version("mlukit")
    except PackageNotFoundError:
        return "unknown"


def _check_status(url: str, response: requests.Response) -> None:
    """Raises the error that a status stands for."""
    status = response.status_code
    if status in _BUSY:
        raise _TryAgainError(f"the server answers {status} {response.reason}", retry_after(response))
    if status in (404, 410):
        raise NotFoundError(f"{url}: there is no such file ({status})")
    if status not in (200, 206, 416):
        raise DownloadError(f"{url}: the server answers {status} {response.reason}")


def _check_answer(response: requests.Response, position: int, size: int) -> None:
    """Refuses an answer that does not begin at byte `position`, or whose file has another size than in the list."""
    if response.status_code == 416:
        raise _OtherFileError(f"the server has no byte {position:,} of the file, but the list says {size:,} bytes")
    if response.status_code == 206:
        span = re.fullmatch(r"bytes (\d{1,18})-\d{1,18}/(\d{1,18}|\*)", response.headers.get("Content-Range", ""))
        if not span or int(span[1]) != position:
            raise _OtherFileError(f"the server did not send the requested bytes from {position:,} on")
        length = span[2]
    else:
        length = response.headers.get("Content-Length", "*")
    if length.isdecimal() and int(length) != size:
        raise _OtherFileError(f"the server's file has {int(length):,} bytes, but the list says {size:,}")


def _difference(path: Path, file: RemoteFile) -> str:
    """The difference between a file on disk and the file in the list, in words; "" if there is none."""
    size = path.stat().st_size
    if size != file.size:
        return f"it has {size:,} bytes, but the list says {file.size:,}"
    if not file.checksum:
        return ""
    with path.open("rb") as stream:
        found = hashlib.file_digest(stream, file.algorithm).hexdigest()
    return "" if found == file.checksum else f"its {file.algorithm} is {found}, but the list says {file.checksum}"
