"""A web server on this machine that serves files from memory, and misbehaves as it is told."""

import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Fault = Callable[["Request", bytes], None]  # answers a request for a file


class Request(BaseHTTPRequestHandler):
    """A request; what a fault answers it with."""

    protocol_version = "HTTP/1.1"
    server: "Server"

    def log_message(self, *_: Any) -> None:
        """Says nothing."""

    def do_GET(self) -> None:
        self.server.requests.append((self.command, self.path, self.headers.get("Range", "")))
        self.server.headers.append(dict(self.headers))
        faults = self.server.faults.get(self.path, [])
        fault = faults[0] if len(faults) == 1 and self.server.forever else faults.pop(0) if faults else None
        content = self.server.files.get(self.path)
        if fault:
            fault(self, content or b"")
        elif content is None:
            self.answer(404)
        else:
            self.send_range(content)

    do_HEAD = do_GET

    def send_range(self, content: bytes) -> None:
        """Answers as it should be answered."""
        span = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        start = int(span[1]) if span else 0
        if start and start >= len(content):
            self.answer(416, {"Content-Range": f"bytes */{len(content)}"})
        elif start:
            where = f"bytes {start}-{len(content) - 1}/{len(content)}"
            self.answer(206, {"Content-Range": where}, content[start:])
        else:
            self.answer(200, {}, content)

    def answer(
        self, status: int, headers: dict[str, str] | None = None, body: bytes = b"", length: int | None = None
    ) -> None:
        """Answers, and says that the body has `length` bytes."""
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body) if length is None else length), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        if length is not None and length > len(body):
            self.close_connection = True


class Server(ThreadingHTTPServer):
    """Files and faults by path; faults answer one request each, the last one all that follow if `forever`."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Request)
        self.files: dict[str, bytes] = {}
        self.faults: dict[str, list[Fault]] = {}
        self.forever = False
        self.requests: list[tuple[str, str, str]] = []
        self.headers: list[dict[str, str]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, *_: Any) -> None:
        """Clients that go away are expected."""


@contextmanager
def serving() -> Iterator[Server]:
    """A running server."""
    server = Server()
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


def break_off(after: int) -> Fault:
    """Sends so many bytes of what is asked for, and hangs up."""

    def fault(request: Request, content: bytes) -> None:
        span = re.fullmatch(r"bytes=(\d+)-", request.headers.get("Range", ""))
        start = int(span[1]) if span else 0
        where = {"Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"} if start else {}
        request.answer(206 if start else 200, where, content[start : start + after], len(content) - start)

    return fault


def status(code: int, **headers: str) -> Fault:
    """Answers with a status; `Retry_After` is written for Retry-After."""
    return lambda request, _: request.answer(code, {name.replace("_", "-"): text for name, text in headers.items()})


def instead(body: bytes, **headers: str) -> Fault:
    """Sends something else."""
    return lambda request, _: request.answer(200, {k.replace("_", "-"): v for k, v in headers.items()}, body)


def drip(pause: float) -> Fault:
    """Sends a byte now and then."""

    def fault(request: Request, content: bytes) -> None:
        request.answer(200, {}, b"", len(content))
        for number in range(len(content)):
            request.wfile.write(content[number : number + 1])
            time.sleep(pause)

    return fault


def chunked(*pieces: bytes) -> Fault:
    """Sends a body without saying how long it is."""

    def fault(request: Request, _: bytes) -> None:
        request.send_response(200)
        request.send_header("Transfer-Encoding", "chunked")
        request.end_headers()
        for piece in (*pieces, b""):
            request.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))

    return fault
