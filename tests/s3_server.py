"""A server that speaks S3 on this machine: it writes down every call, and fails where a test wants it to."""

import logging
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote

import boto3
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

BUCKET = "bucket"
MINE = "mine"  # the key of a test's own client, whose calls are not written down


@dataclass(frozen=True)
class Call:
    """One request."""

    what: str  # "HEAD", "LIST", "GET", "CREATE", "PART", "COMPLETE", "COPY", "PUT", "DELETE"
    key: str  # without its bucket; of a LIST the prefix


def _what(environ: dict[str, Any]) -> Call:
    method, query = environ["REQUEST_METHOD"], parse_qs(environ["QUERY_STRING"], keep_blank_values=True)
    key = unquote(environ["PATH_INFO"]).lstrip("/").partition("/")[2]
    if "list-type" in query:
        return Call("LIST", query.get("prefix", [""])[0])
    if method == "POST":
        return Call("CREATE" if "uploads" in query else "DELETE" if "delete" in query else "COMPLETE", key)
    if method == "PUT" and "partNumber" in query:
        return Call("PART", key)
    return Call("COPY" if method == "PUT" and "HTTP_X_AMZ_COPY_SOURCE" in environ else method, key)


def never(_: Call) -> bool:
    """No call fails."""
    return False


class S3Server:
    """Serves from a thread; `fails` is asked for each call whether the server answers 500, or raises to hang up."""

    def __init__(self) -> None:
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        self.calls: list[Call] = []
        self.fails: Callable[[Call], bool] = never
        self._app = DomainDispatcherApplication(create_backend_app)
        self._server = make_server("127.0.0.1", 0, self._answer, threaded=True)
        self.url = f"http://127.0.0.1:{self._server.port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.client: Any = boto3.client(
            *("s3", "us-east-1"), endpoint_url=self.url, aws_access_key_id=MINE, aws_secret_access_key="secret"
        )
        self.client.create_bucket(Bucket=BUCKET)

    def _answer(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        if f"Credential={MINE}/" not in environ.get("HTTP_AUTHORIZATION", ""):
            call = _what(environ)
            self.calls.append(call)
            if self.fails(call):
                environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
                start("500 Internal Server Error", [("Content-Length", "0")])
                return [b""]
        answer: Iterable[bytes] = self._app(environ, start)
        return answer

    def close(self) -> None:
        """Ends serving."""
        self._server.shutdown()
        self._server.server_close()

    @property
    def flags(self) -> tuple[str, ...]:
        """Beam's flags for who wants to work here."""
        return (
            f"--s3_endpoint_url={self.url}",
            "--s3_region_name=us-east-1",
            "--s3_access_key_id=test",
            "--s3_secret_access_key=never shown",
        )

    def put(self, key: str, content: bytes) -> None:
        """Stores an object."""
        self.client.put_object(Bucket=BUCKET, Key=key, Body=content)

    def put_folder(self, folder: Path, prefix: str) -> None:
        """Stores the files of a local folder."""
        for path in folder.iterdir():
            self.put(f"{prefix}/{path.name}", path.read_bytes())

    def keys(self, prefix: str) -> list[str]:
        """What objects there are."""
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix)
        return [found["Key"] for page in pages for found in page.get("Contents", ())]

    def objects(self, prefix: str) -> dict[str, bytes]:
        """All objects of a folder, by path within it."""
        return {name.removeprefix(f"{prefix}/"): self.get(name) for name in self.keys(f"{prefix}/")}

    def get(self, key: str) -> bytes:
        """An object."""
        content: bytes = self.client.get_object(Bucket=BUCKET, Key=key)["Body"].read()
        return content

    def tally(self) -> Counter[str]:
        """How many calls there were of each kind."""
        return Counter(call.what for call in self.calls)

    @contextmanager
    def failing(self, fails: Callable[[Call], bool]) -> Iterator[None]:
        """Answers 500 where `fails` says so, within the block."""
        self.fails = fails
        try:
            yield
        finally:
            self.fails = never
