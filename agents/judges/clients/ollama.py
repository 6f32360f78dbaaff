"""Ollama by its own API, which alone can size the context (its /v1 ignores num_ctx)."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from agents.judges.clients.http import JsonServer
from agents.judges.clients.wire import (
    Finish,
    Message,
    PromptTooLong,
    Reply,
    RequestRejected,
    ServerFault,
)
from agents.judges.contract import JudgeUnavailable

CHARS_PER_TOKEN_MAX: Final = 10
"""No tokenizer packs a transcript tighter than this; a prompt that seems to was cut."""

_TOO_LONG = re.compile(r"context|too (?:long|large)|exceed|truncat", re.IGNORECASE)


class OllamaClient:
    """Talks to `/api/chat`.

    `num_ctx` is the same in every request: Ollama loads a model anew whenever it changes. With
    `truncate` off a prompt that does not fit is refused and not quietly cut; servers that do not
    know the switch are caught by their own count of the prompt's tokens.

    A JSON schema is sent only where the server says that the model does not think, unless
    `structured` says otherwise: with thinking, the grammar may be applied too early or never.
    """

    def __init__(
        self,
        server: JsonServer,
        model: str,
        *,
        num_ctx: int,
        schema: Mapping[str, Any] | None = None,
        think: bool | str | None = None,
        structured: bool | None = None,
        keep_alive: str = "30m",
    ) -> None:
        self._server = server
        self._model = model
        self._num_ctx = num_ctx
        self._schema = schema
        self._think = think
        self._structured = structured
        self._keep_alive = keep_alive
        self._lock = asyncio.Lock()

    async def ask(self, messages: Sequence[Message], max_tokens: int) -> Reply:
        """Return the model's reply; see `Client.ask`."""
        body: dict[str, Any] = {
            "model": self._model,
            "messages": [{"role": m.role, "content": m.content} for m in messages],
            "stream": False,
            "truncate": False,
            "keep_alive": self._keep_alive,
            "options": {"num_ctx": self._num_ctx, "num_predict": max_tokens, "temperature": 0},
        }
        if self._think is not None:
            body["think"] = self._think
        if self._schema is not None and await self._takes_schema():
            body["format"] = self._schema
        try:
            answer = await self._server.post("/api/chat", body)
        except RequestRejected as error:
            if error.status == 404:
                raise await self._no_model() from error
            if error.status == 400 and _TOO_LONG.search(str(error)):
                raise PromptTooLong(str(error), 400) from error
            raise
        return self._reply(answer, messages)

    async def models(self) -> tuple[str, ...]:
        """Return the names of the models the server has pulled."""
        listed = (await self._server.get("/api/tags")).get("models")
        names = [m.get("name") for m in listed or () if isinstance(m, dict)]
        return tuple(name for name in names if isinstance(name, str))

    async def aclose(self) -> None:
        """Close the connections."""
        await self._server.aclose()

    def _reply(self, answer: Mapping[str, Any], messages: Sequence[Message]) -> Reply:
        if "error" in answer:  # an error in the middle of the answer comes with status 200
            raise RequestRejected(f"{self._server.url}: {answer['error']}", 200)
        message = answer.get("message")
        if not isinstance(message, dict):
            raise ServerFault(self._stranger(), "malformed")
        tokens_in = _count(answer.get("prompt_eval_count"))
        asked = sum(len(m.content) for m in messages if m.role != "system")
        if tokens_in is not None and tokens_in * CHARS_PER_TOKEN_MAX < asked:
            raise PromptTooLong(
                f"{self._server.url} read only {tokens_in} tokens of {asked} characters", 200
            )
        return Reply(
            content=str(message.get("content") or ""),
            reasoning=str(message.get("thinking") or ""),
            finish=_FINISH.get(str(answer.get("done_reason")), "other"),
            tokens_in=tokens_in,
            tokens_out=_count(answer.get("eval_count")),
        )

    async def _takes_schema(self) -> bool:
        async with self._lock:
            if self._structured is None:
                try:
                    shown = await self._server.post("/api/show", {"model": self._model})
                except RequestRejected as error:
                    if error.status == 404:
                        raise await self._no_model() from error
                    raise
                # Servers too old to list capabilities are too old to separate thinking.
                self._structured = "thinking" not in (shown.get("capabilities") or ())
            return self._structured

    async def _no_model(self) -> JudgeUnavailable:
        try:
            names = ", ".join(await self.models()) or "none"
        except (RequestRejected, ServerFault):
            return JudgeUnavailable(self._stranger())
        return JudgeUnavailable(
            f"{self._server.url} has no model {self._model!r}; it has: {names} "
            f"(ollama pull {self._model})"
        )

    def _stranger(self) -> str:
        return f'{self._server.url} does not answer as Ollama does; try kind = "openai"'


_FINISH: dict[str, Finish] = {"stop": "stop", "length": "length"}


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) else None
