"""Stand-ins for Cloud Storage and Dataflow: a server on this machine that speaks what of their JSON APIs Beam uses.

It also grants tokens to the service account that `credentials` makes up, so that nothing asks anybody else.
"""

import base64
import hashlib
import json
import re
import threading
import urllib.parse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.parser import BytesParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import google_crc32c
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

_OBJECT = re.compile(r"/storage/v1/b/([^/]+)/o/([^/]+)")
_COPY = re.compile(r"/storage/v1/b/([^/]+)/o/([^/]+)/(?:copyTo|rewriteTo)/b/([^/]+)/o/([^/]+)")
_JOB = re.compile(r"/v1b3/projects/([^/]+)/locations/([^/]+)/jobs(?:/([^/]+))?(/messages|/metrics)?")


@dataclass
class Answer:
    """What a request is answered."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


class GoogleCloud(ThreadingHTTPServer):
    """Objects by bucket and name, and jobs as they were asked for."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Request)
        self.objects: dict[tuple[str, str], bytes] = {}
        self.uploads: dict[str, tuple[tuple[str, str], bytearray]] = {}
        self.jobs: list[dict[str, Any]] = []
        self.states: dict[str, list[str]] = {}  # by job: the last one stays
        self.messages: dict[str, str] = {}
        self.polls = 0  # how often somebody asked how a job is
        self.requested: list[tuple[str, str]] = []  # job and state that somebody asked for
        self.do_job: Callable[[dict[str, Any]], list[str]] = lambda job: ["JOB_STATE_DONE"]
        self.unknown: list[str] = []

    @property
    def url(self) -> str:
        return f"http://localhost:{self.server_address[1]}"

    def handle_error(self, *_: Any) -> None:
        """Clients that go away are expected."""

    def answer(self, method: str, target: str, headers: Any, body: bytes) -> Answer:
        """Answers a request, or one of a batch."""
        url = urllib.parse.urlsplit(target)
        query = dict(urllib.parse.parse_qsl(url.query))
        if url.path == "/token":
            return _json({"access_token": "a-token", "expires_in": 3600, "token_type": "Bearer"})
        if url.path.startswith("/batch/"):
            return self._batch(headers, body)
        if match := _JOB.fullmatch(url.path):
            return self._job(method, match[3], match[4], body)
        if url.path.startswith("/upload/"):
            return self._upload(method, url.path.split("/")[5], query, headers, body)
        if match := _COPY.fullmatch(url.path):
            return self._copy(*map(urllib.parse.unquote, match.groups()))
        if match := _OBJECT.fullmatch(url.path.removeprefix("/download")):
            name = (match[1], urllib.parse.unquote(match[2]))
            return self._object(method, name, query.get("alt") == "media", headers)
        if match := re.fullmatch(r"/storage/v1/b/([^/]+)(/o)?", url.path):
            return self._bucket(match[1], bool(match[2]), query.get("prefix", ""))
        self.unknown.append(f"{method} {target}")
        return Answer(501)

    def _bucket(self, bucket: str, listing: bool, prefix: str) -> Answer:
        if not listing:
            return _json({"kind": "storage#bucket", "id": bucket, "name": bucket, "projectNumber": "1"})
        names = sorted(name for name in self.objects if name[0] == bucket and name[1].startswith(prefix))
        return _json({"kind": "storage#objects", "items": [self._metadata(name) for name in names]})

    def _metadata(self, name: tuple[str, str]) -> dict[str, str]:
        content = self.objects[name]
        facts = {"bucket": name[0], "name": name[1], "generation": "1", "metageneration": "1"}
        sums = {
            "crc32c": base64.b64encode(google_crc32c.Checksum(content).digest()).decode(),
            "md5Hash": base64.b64encode(hashlib.md5(content).digest()).decode(),
        }
        dated = {"updated": "2026-09-01T00:00:00.000Z"}
        return {"kind": "storage#object", **facts, **sums, **dated, "size": str(len(content))}

    def _object(self, method: str, name: tuple[str, str], media: bool, headers: Any) -> Answer:
        if name not in self.objects:
            return _json({"error": {"code": 404, "message": f"No such object: {'/'.join(name)}"}}, 404)
        if method == "DELETE":
            del self.objects[name]
            return Answer(204)
        if not media:
            return _json(self._metadata(name))
        content = self.objects[name]
        span = re.fullmatch(r"bytes=(\d+)-(\d*)", headers.get("Range", ""))
        if not span:
            return Answer(200, content)
        start, end = int(span[1]), min(int(span[2] or len(content)), len(content) - 1)
        if start >= len(content):
            return Answer(416, b"", {"Content-Range": f"bytes */{len(content)}"})
        return Answer(206, content[start : end + 1], {"Content-Range": f"bytes {start}-{end}/{len(content)}"})

    def _upload(self, method: str, bucket: str, query: dict[str, str], headers: Any, body: bytes) -> Answer:
        if query["uploadType"] == "multipart":
            head, data = _parts(headers, body)
            name = (bucket, json.loads(head)["name"])
            self.objects[name] = data
            return _json(self._metadata(name))
        if method == "POST":
            key = str(len(self.uploads))
            self.uploads[key] = ((bucket, query.get("name") or json.loads(body)["name"]), bytearray())
            where = f"{self.url}/upload/storage/v1/b/{bucket}/o?uploadType=resumable&upload_id={key}"
            return Answer(200, b"", {"Location": where})
        name, data = self.uploads[query["upload_id"]]
        data += body
        if headers["Content-Range"].endswith("/*"):
            return Answer(308, b"", {"Range": f"bytes=0-{len(data) - 1}"} if data else {})
        self.objects[name] = bytes(data)
        return _json(self._metadata(name))

    def _copy(self, bucket: str, name: str, to_bucket: str, to_name: str) -> Answer:
        if (bucket, name) not in self.objects:
            return _json({"error": {"code": 404, "message": f"No such object: {bucket}/{name}"}}, 404)
        self.objects[to_bucket, to_name] = self.objects[bucket, name]
        return _json({"done": True, "resource": self._metadata((to_bucket, to_name))})

    def _batch(self, headers: Any, body: bytes) -> Answer:
        answers = []
        for number, part in enumerate(_parts(headers, body)):
            head, _, rest = part.partition(b"\r\n" if b"\r\n" in part else b"\n")
            method, target, _ = head.decode().split()
            answer = self.answer(method, target, {}, rest.partition(b"\n\n")[2])
            answers.append(
                f"--part\r\nContent-Type: application/http\r\nContent-ID: <response-{number}>\r\n\r\n"
                f"HTTP/1.1 {answer.status} OK\r\nContent-Type: application/json\r\n\r\n{answer.body.decode()}\r\n"
            )
        return Answer(
            200, "".join([*answers, "--part--\r\n"]).encode(), {"Content-Type": "multipart/mixed; boundary=part"}
        )

    def _job(self, method: str, job_id: str | None, what: str | None, body: bytes) -> Answer:
        if method == "POST":
            job = {**json.loads(body), "id": f"job-{len(self.jobs)}"}
            self.jobs.append(job)
            self.states[job["id"]] = self.do_job(job)
        else:
            job = next(job for job in self.jobs if job["id"] == job_id)
            self.polls += method == "GET"
        if what == "/messages":
            text = self.messages.get(job["id"])
            error = {"id": "1", "time": "2026-09-01T00:00:00Z", "messageImportance": "JOB_MESSAGE_ERROR"}
            return _json({"jobMessages": [{**error, "messageText": text}] if text else []})
        if method == "PUT":
            state = json.loads(body)["requestedState"]
            self.requested.append((job["id"], state))
            self.states[job["id"]] = [state]
        states = self.states[job["id"]]
        facts = {key: job[key] for key in ("id", "name", "clientRequestId")}
        return _json({**facts, "currentState": states.pop(0) if len(states) > 1 else states[0]})


class _Request(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: GoogleCloud

    def log_message(self, *_: Any) -> None:
        """Says nothing."""

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        answer = self.server.answer(self.command, self.path, self.headers, body)
        self.send_response(answer.status)
        for name, value in {"Content-Length": str(len(answer.body)), **answer.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer.body)

    do_POST = do_PUT = do_DELETE = do_GET


def _json(value: Any, status: int = 200) -> Answer:
    return Answer(status, json.dumps(value).encode(), {"Content-Type": "application/json"})


def _parts(headers: Any, body: bytes) -> list[bytes]:
    """The parts of a multipart body."""
    message = BytesParser().parsebytes(b"Content-Type: " + headers["Content-Type"].encode() + b"\r\n\r\n" + body)
    return [bytes(part.get_payload(decode=True)) for part in message.get_payload()]  # type: ignore[arg-type, union-attr]


def credentials(path: Path, url: str) -> Path:
    """Writes the key file of a service account that nobody but the stand-in knows."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    account = {"type": "service_account", "project_id": "a-project", "private_key_id": "1", "client_id": "1"}
    facts = {"client_email": "nobody@a-project.example", "token_uri": f"{url}/token", "private_key": pem.decode()}
    path.write_text(json.dumps({**account, **facts}))
    return path


@contextmanager
def google_cloud() -> Iterator[GoogleCloud]:
    """A running server."""
    server = GoogleCloud()
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
