"""A stand-in for the Hugging Face Hub on this machine: repositories, commits, and the storage of large files (Git LFS).

The paths are those that huggingface_hub 2 calls: https://huggingface.co/docs/hub/api and
https://github.com/git-lfs/git-lfs/blob/main/docs/api/batch.md
"""

import base64
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN = "hf_secret_of_this_test"


@dataclass
class Hub:
    """What the server has got."""

    address: str = ""
    repositories: dict[str, dict[str, bytes]] = field(default_factory=dict)  # "datasets/me/x" -> files
    private: set[str] = field(default_factory=set)
    objects: dict[str, bytes] = field(default_factory=dict)  # of LFS, by SHA-256
    calls: list[str] = field(default_factory=list)
    puts_left: int = 1_000_000  # of large files, before the server fails
    tokens: set[str] = field(default_factory=set)

    @property
    def put(self) -> list[str]:
        """The large files that were sent, in order."""
        return [call.rpartition("/")[2] for call in self.calls if call.startswith("PUT")]


@contextmanager
def hub() -> Iterator[Hub]:
    """Runs the server."""
    state = Hub()
    handler = type("Handler", (_Handler,), {"hub": state})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    state.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""

    def _answer(self, value: Any, status: int = 200) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") == "chunked":
            parts = []
            while size := int(self.rfile.readline(), 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _begin(self) -> bytes:
        self.hub.calls.append(f"{self.command} {self.path}")
        self.hub.tokens.add(self.headers.get("Authorization", ""))
        return self._body()

    def do_GET(self) -> None:
        self._begin()
        if self.path.startswith("/api/whoami-v2"):
            known = self.headers.get("Authorization") == f"Bearer {TOKEN}"
            return self._answer(
                {"name": "me", "type": "user"} if known else {"error": "wrong token"}, 200 if known else 401
            )
        if tree := re.match(r"/api/((?:datasets|models)/[^/]+/[^/]+)/tree/main", self.path):
            files = self.hub.repositories[tree[1]]
            return self._answer(
                [{"type": "file", "path": name, "size": len(files[name]), "oid": name} for name in files]
            )
        if info := re.match(r"/api/((?:datasets|models)/[^/]+/[^/?]+)", self.path):
            siblings = [{"rfilename": name} for name in self.hub.repositories[info[1]]]
            return self._answer({"id": info[1].partition("/")[2], "sha": "0" * 40, "siblings": siblings})
        return self._answer({"error": self.path}, 404)

    def do_PUT(self) -> None:
        data = self._begin()
        if self.hub.puts_left <= 0:
            return self._answer({"error": "the storage is on fire"}, 400)
        self.hub.puts_left -= 1
        sha256 = self.path.rpartition("/")[2]
        assert hashlib.sha256(data).hexdigest() == sha256
        self.hub.objects[sha256] = data
        return self._answer({})

    def do_POST(self) -> None:
        body = self._begin()
        if self.path == "/api/repos/create":
            asked = json.loads(body)
            name = f"{asked.get('type', 'model')}s/{asked.get('organization') or 'me'}/{asked['name']}"
            status = 409 if name in self.hub.repositories else 200
            self.hub.repositories.setdefault(name, {})
            if asked.get("private") or asked.get("visibility") == "private":
                self.hub.private.add(name)
            return self._answer({"url": f"{self.hub.address}/{name.removeprefix('models/')}"}, status)
        if self.path == "/api/validate-yaml":
            return self._answer({"errors": [], "warnings": []})
        if "/preupload/" in self.path:
            large = (".parquet", ".gz", ".model", ".safetensors")
            names = [file["path"] for file in json.loads(body)["files"]]
            modes = [{"path": name, "uploadMode": "lfs" if name.endswith(large) else "regular"} for name in names]
            return self._answer({"files": [{**mode, "shouldIgnore": False} for mode in modes]})
        if self.path.endswith("/info/lfs/objects/batch"):
            return self._answer(
                {"transfer": "basic", "objects": [self._object(one) for one in json.loads(body)["objects"]]}
            )
        if commit := re.match(r"/api/((?:datasets|models)/[^/]+/[^/]+)/commit/main", self.path):
            self._commit(self.hub.repositories[commit[1]], body)
            address = f"{self.hub.address}/{commit[1].removeprefix('models/')}/commit/{'1' * 40}"
            return self._answer({"commitUrl": address, "commitOid": "1" * 40, "success": True})
        return self._answer({"error": self.path}, 404)

    def _object(self, asked: dict[str, Any]) -> dict[str, Any]:
        """The answer about a large file: where to send it, or nothing if it is there."""
        there = asked["oid"] in self.hub.objects
        action = {"upload": {"href": f"{self.hub.address}/objects/{asked['oid']}"}}
        return {"oid": asked["oid"], "size": asked["size"], **({} if there else {"actions": action})}

    def _commit(self, files: dict[str, bytes], body: bytes) -> None:
        for line in map(json.loads, body.splitlines()):
            value = line["value"]
            if line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                files[value["path"]] = self.hub.objects[value["oid"]]
            elif line["key"] == "deletedFile":
                del files[value["path"]]
