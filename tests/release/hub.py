"""A stub of the Hugging Face hub's HTTP API: as much of it as an upload needs, on loopback. It is not the hub.

It keeps what was committed, and can be told to lose the connection or to refuse.
"""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN = "hf_a_token_of_the_stub"


@dataclass
class Stub:
    """`files` are committed ones by path; `large` those that were uploaded apart, by digest."""

    address: str = ""
    private: bool | None = None
    files: dict[str, bytes] = field(default_factory=dict)
    large: dict[str, bytes] = field(default_factory=dict)
    uploads: int = 0
    breaks: int = 0  # so many uploads are cut off
    message: str = ""


@contextmanager
def hub() -> Iterator[Stub]:
    """A stub that runs."""
    stub = Stub()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None:
            """Nobody reads it."""

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"] or 0))
            if self.headers.get("Authorization") != f"Bearer {TOKEN}":
                self.answer(401, {"error": "Invalid credentials"})
            elif self.path == "/api/repos/create":
                new = stub.private is None
                stub.private = json.loads(body).get("visibility") == "private" if new else stub.private
                self.answer(200 if new else 409, {"url": f"{stub.address}/you/cards", "id": "you/cards"})
            elif self.path == "/api/models/you/cards/preupload/main":
                asked = json.loads(body)["files"]
                self.answer(200, {"files": [one | {"uploadMode": mode(one), "shouldIgnore": False} for one in asked]})
            elif self.path.endswith("/info/lfs/objects/batch"):
                self.answer(200, {"transfer": "basic", "objects": [self.place(o) for o in json.loads(body)["objects"]]})
            elif self.path == "/api/models/you/cards/commit/main":
                self.commit([json.loads(line) for line in body.splitlines()])
            elif self.path == "/api/validate-yaml":
                self.answer(200, {"errors": [], "warnings": []})
            else:
                self.answer(404, {"error": f"the stub has no {self.path}"})

        def do_GET(self) -> None:
            self.answer(200, {"id": "you/cards", "sha": "0" * 40, "siblings": [], "private": stub.private})

        def do_PUT(self) -> None:
            data = self.rfile.read(int(self.headers["Content-Length"]))
            if stub.breaks:
                stub.breaks -= 1
                self.answer(400, {"error": "cut off"})
                return
            stub.uploads += 1
            stub.large[sha256(data).hexdigest()] = data
            self.answer(200, {})

        def place(self, wanted: dict[str, Any]) -> dict[str, Any]:
            """Where a large file goes; nowhere if it is there."""
            actions = {} if wanted["oid"] in stub.large else {"upload": {"href": f"{stub.address}/put/{wanted['oid']}"}}
            return wanted | ({"actions": actions} if actions else {})

        def commit(self, lines: list[dict[str, Any]]) -> None:
            for line in lines:
                value = line["value"]
                if line["key"] == "header":
                    stub.message = value["summary"]
                elif line["key"] == "file":
                    stub.files[value["path"]] = base64.b64decode(value["content"])
                elif line["key"] == "lfsFile":
                    stub.files[value["path"]] = stub.large[value["oid"]]
            address = f"{stub.address}/you/cards/commit/{'0' * 40}"
            self.answer(200, {"success": True, "commitUrl": address, "commitOid": "0" * 40, "hookOutput": ""})

        def answer(self, status: int, value: Any) -> None:
            data = json.dumps(value).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    def mode(one: dict[str, Any]) -> str:
        return "lfs" if one["path"].endswith((".safetensors", ".gguf")) else "regular"

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    stub.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield stub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
