"""An Ollama that holds models and runs none: blobs, create, copy, tags, and ways to fail."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
from collections.abc import Callable
from typing import Any, Self

HOST = "127.0.0.1"


class FakeOllama:
    """Serves the part of Ollama's API that makes and names models, on loopback.

    `models` has the request that each name was made with, `blobs` what was sent. `fail` maps a
    call ("tags", "blob", "create", "copy") to what is done instead of it: a status to answer,
    "break" to close the connection in the middle, or "error" to say so inside an answer of 200.
    `asked` keeps every call.
    """

    def __init__(self, port: int = 0) -> None:
        self.models: dict[str, dict[str, Any]] = {}
        self.blobs: dict[str, bytes] = {}
        self.fail: dict[str, int | str] = {}
        self.asked: list[str] = []
        self._port = port
        self._server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self._port}"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._converse, HOST, self._port)
        self._port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await self._exchange(reader, writer):
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, path, _ = head[0].split(" ", 2)
        headers = {
            name.lower(): value.strip() for name, _, value in (h.partition(":") for h in head)
        }
        call = next(
            (name for name, start in _CALLS.items() if re.fullmatch(start, f"{method} {path}")), ""
        )
        self.asked.append(call or f"{method} {path}")
        fail = self.fail.get(call)
        if fail == "break":
            await reader.read(1)
            return False
        length = int(headers.get("content-length", "0"))
        body = await reader.readexactly(length)
        if isinstance(fail, int):
            status, answer = fail, _line({"error": "the test wants it so"})
        else:
            status, answer = self._answer(call, path, body, failing=fail == "error")
        shown = b"" if method == "HEAD" else answer
        writer.write(
            f"HTTP/1.1 {status} X\r\ncontent-length: {len(answer)}\r\n\r\n".encode() + shown
        )
        return True

    def _answer(self, call: str, path: str, body: bytes, *, failing: bool) -> tuple[int, bytes]:
        if call in ("has", "blob"):
            digest = path.rpartition(":")[2]
            if call == "has":
                return (200 if digest in self.blobs else 404), b""
            if hashlib.sha256(body).hexdigest() != digest:
                return 400, _line({"error": "digest mismatch"})
            self.blobs[digest] = body
            return 201, b""
        answers: dict[str, Callable[[dict[str, Any]], tuple[int, bytes]]] = {
            "tags": self._tags, "create": self._create, "copy": self._copy,
        }  # fmt: skip
        if failing:
            said = [{"status": "parsing GGUF"}, {"error": "unknown model architecture"}]
            return 200, b"".join(map(_line, said))
        if call not in answers:
            return 404, _line({"error": f"no such path: {path}"})
        return answers[call](json.loads(body) if body else {})

    def _tags(self, _: dict[str, Any]) -> tuple[int, bytes]:
        listed = [
            {"name": name, "digest": hashlib.sha256(_line(made)).hexdigest()}
            for name, made in self.models.items()
        ]
        return 200, _line({"models": listed})

    def _create(self, body: dict[str, Any]) -> tuple[int, bytes]:
        for digest in body["files"].values():
            if digest.removeprefix("sha256:") not in self.blobs:
                return 400, _line({"error": f"blob {digest} not found"})
        self.models[_full(body["model"])] = body
        said = [{"status": "parsing GGUF"}, {"status": "writing manifest"}, {"status": "success"}]
        return 200, b"".join(map(_line, said))

    def _copy(self, body: dict[str, Any]) -> tuple[int, bytes]:
        source = self.models.get(_full(body["source"]))
        if source is None:
            return 404, _line({"error": f"model '{body['source']}' not found"})
        self.models[_full(body["destination"])] = source
        return 200, b""


_CALLS = {
    "tags": r"GET /api/tags",
    "has": r"HEAD /api/blobs/sha256:[0-9a-f]{64}",
    "blob": r"POST /api/blobs/sha256:[0-9a-f]{64}",
    "create": r"POST /api/create",
    "copy": r"POST /api/copy",
}


def _full(name: str) -> str:
    return name if ":" in name else f"{name}:latest"


def _line(value: dict[str, Any]) -> bytes:
    return json.dumps(value).encode() + b"\n"
