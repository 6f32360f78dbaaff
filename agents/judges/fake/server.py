"""The fake judge's server: Ollama's and OpenAI's wire formats on one loopback port."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from time import perf_counter
from typing import Any, Self

import orjson

from agents.judges.fake.script import Act, Asked, Script, plausible

HOST = "127.0.0.1"
"""It answers anyone, so it never listens anywhere else."""


class FakeJudge:
    """Serves `models` by `script`. Use it as an asynchronous context manager.

    `slots` requests are inferred at a time, as on a machine with one accelerator; `queue` more may
    wait and the rest get 503. `wire` is whose paths it answers. `busy_seconds` adds up the time
    that slots were in use, `count` is how many requests came, and `asked` keeps every one unless
    `remember` is off, so that a test can tell how idle the machine was and what it was paid for.
    `loaded` are the models in its memory, as Ollama has it; with `sticks` they never leave it.
    """

    def __init__(
        self,
        script: Script = plausible,
        *,
        port: int = 0,
        models: tuple[str, ...] = ("fake-judge",),
        thinks: bool = False,
        takes_schema: bool = True,
        slots: int = 64,
        queue: int = 512,
        wire: str = "both",
        remember: bool = True,
    ) -> None:
        self.script = script
        self.models = models
        self.asked: list[Asked] = []
        self.count = 0
        self._remember = remember
        self._paths = _PATHS[wire]
        self.busy_seconds = 0.0
        self.loaded: set[str] = set()
        self.sticks = False
        self._port = port
        self._thinks = thinks
        self._takes_schema = takes_schema
        self._slots = asyncio.Semaphore(slots)
        self._room = slots + queue
        self._inside = 0
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        """Where it listens; OpenAI's paths begin at `url` + `/v1`."""
        return f"http://{HOST}:{self._port}"

    async def __aenter__(self) -> Self:
        """Start to listen.

        Raises:
            OSError: the port is taken.
        """
        self._server = await asyncio.start_server(self._connected, HOST, self._port)
        self._port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop at once, in the middle of answers too."""
        if self._server is not None:
            self._server.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def serve_forever(self) -> None:
        """Listen until cancelled."""
        assert self._server is not None, "enter it first"
        await self._server.serve_forever()

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._converse(reader, writer))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                method, path, _ = head[0].split(" ", 2)
                pairs = (line.partition(":") for line in head[1:] if line)
                headers = {name.lower(): value.strip() for name, _, value in pairs}
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                answer = await self._answer(method, path, body)
                if answer is None:
                    return
                writer.write(answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            return  # the other side has gone, as clients do
        finally:
            writer.close()

    async def _answer(self, method: str, path: str, raw: bytes) -> bytes | None:
        if path not in self._paths:
            return _http(404, {"error": f"no such path: {path}"})
        if (method, path) == ("GET", "/api/tags"):
            return _http(200, {"models": [{"name": name, "model": name} for name in self.models]})
        if (method, path) == ("GET", "/v1/models"):
            listed = [{"id": name, "object": "model"} for name in self.models]
            return _http(200, {"object": "list", "data": listed})
        if (method, path) == ("GET", "/api/ps"):
            return _http(200, {"models": [{"name": name, "model": name} for name in self.loaded]})
        if method != "POST":
            return _http(404, {"error": f"no such path: {path}"})
        body = orjson.loads(raw)
        if body.get("model") not in self.models:
            return _http(404, {"error": f"model '{body.get('model')}' not found"})
        if path == "/api/generate":
            return self._unload(body)
        if path == "/api/show":
            extra = ["thinking"] if self._thinks else []
            size = {"fake.context_length": 131_072}
            return _http(200, {"capabilities": ["completion", *extra], "model_info": size})
        if "response_format" in body and not self._takes_schema:
            return _http(400, {"error": {"message": "response_format is not supported"}})
        if self._inside >= self._room:
            return _http(503, {"error": "server busy, please try again"})
        self._inside += 1
        try:
            return await self._infer(path, body)
        finally:
            self._inside -= 1

    def _unload(self, body: Mapping[str, Any]) -> bytes:
        """Do what Ollama does for a request without a prompt; of the others it knows none."""
        if body.get("prompt") or body.get("keep_alive") != 0:
            return _http(400, {"error": "this server only unloads models"})
        if not self.sticks:
            self.loaded.discard(body["model"])
        return _http(200, {"model": body["model"], "done": True, "done_reason": "unload"})

    async def _infer(self, path: str, body: Mapping[str, Any]) -> bytes | None:
        messages = body.get("messages", [])
        options = body.get("options", {})
        asked = Asked(
            number=self.count,
            path=path,
            body=body,
            prompt=next((m["content"] for m in reversed(messages) if m["role"] == "user"), ""),
            max_tokens=options.get("num_predict") or body.get("max_tokens") or 0,
            structured="format" in body or "response_format" in body,
        )
        self.count += 1
        if self._remember:
            self.asked.append(asked)
        async with self._slots:
            self.loaded.add(body["model"])
            started = perf_counter()
            act = self.script(asked)
            try:
                if act.hang:
                    await asyncio.Event().wait()
                if act.seconds:
                    await asyncio.sleep(act.seconds)
            finally:
                self.busy_seconds += perf_counter() - started
        if act.drop:
            return None
        if act.body is not None:
            return _http(act.status, act.body)
        if act.status != 200:
            return _http(act.status, {"error": act.content}, act.retry_after)
        return _http(200, _ollama(asked, act) if path == "/api/chat" else _openai(asked, act))


_PATHS = {
    "ollama": ("/api/tags", "/api/ps", "/api/show", "/api/chat", "/api/generate"),
    "openai": ("/v1/models", "/v1/chat/completions"),
}
_PATHS["both"] = (*_PATHS["ollama"], *_PATHS["openai"])


def _tokens(asked: Asked, act: Act) -> tuple[int, int]:
    """Roughly four characters to a token."""
    said = sum(len(message["content"]) for message in asked.body.get("messages", []))
    tokens_in = said // 4 if act.tokens_in is None else act.tokens_in
    return tokens_in, (len(act.content) + len(act.reasoning)) // 4


def _ollama(asked: Asked, act: Act) -> dict[str, Any]:
    tokens_in, tokens_out = _tokens(asked, act)
    message = {"role": "assistant", "content": act.content}
    if act.reasoning:
        message["thinking"] = act.reasoning
    return {
        "model": asked.body["model"],
        "created_at": "2026-03-24T00:00:00Z",
        "message": message,
        "done": True,
        "done_reason": "length" if act.finish == "length" else "stop",
        "total_duration": int(act.seconds * 1e9),
        "prompt_eval_count": tokens_in,
        "eval_count": tokens_out,
    }


def _openai(asked: Asked, act: Act) -> dict[str, Any]:
    tokens_in, tokens_out = _tokens(asked, act)
    message = {"role": "assistant", "content": act.content}
    if act.reasoning:
        message["reasoning_content"] = act.reasoning
    return {
        "id": f"chatcmpl-{asked.number}",
        "object": "chat.completion",
        "created": 0,
        "model": asked.body["model"],
        "choices": [{"index": 0, "message": message, "finish_reason": act.finish}],
        "usage": {
            "prompt_tokens": tokens_in,
            "completion_tokens": tokens_out,
            "total_tokens": tokens_in + tokens_out,
        },
    }


def _http(status: int, body: Mapping[str, Any] | bytes, retry_after: float | None = None) -> bytes:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    kind = "text/html" if isinstance(body, bytes) else "application/json"
    head = f"HTTP/1.1 {status} {_PHRASES.get(status, 'Answer')}\r\ncontent-type: {kind}\r\n"
    if retry_after is not None:
        head += f"retry-after: {retry_after:g}\r\n"
    return f"{head}content-length: {len(content)}\r\n\r\n".encode() + content


_PHRASES = {200: "OK", 400: "Bad Request", 404: "Not Found", 503: "Service Unavailable"}
