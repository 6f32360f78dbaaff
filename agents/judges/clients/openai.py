"""Servers that speak OpenAI's chat completions: LM Studio, vLLM, llama.cpp and others."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

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

_TOO_LONG = re.compile(
    r"exceed_context_size|context.{0,20}(?:length|size|window|overflow)|maximum context|too long",
    re.IGNORECASE,
)
_NO_MODEL = re.compile(r"model.{0,80}(?:not found|not exist|not loaded|unknown)", re.IGNORECASE)


class OpenAIClient:
    """Talks to `/v1/chat/completions`.

    Unless `structured` says otherwise, the answer's schema is sent until it proves to do harm:
    the server answers 400 to it, or the model thinks aloud (some servers then apply the schema to
    the thoughts). After that it is left out for good, and the answer is found by reading alone.
    """

    def __init__(
        self,
        server: JsonServer,
        model: str,
        *,
        schema: Mapping[str, Any] | None = None,
        structured: bool | None = None,
    ) -> None:
        self._server = server
        self._model = model
        self._schema = schema
        self._fixed = structured is not None
        self._structured = schema is not None and structured is not False

    async def ask(self, messages: Sequence[Message], max_tokens: int) -> Reply:
        """Return the model's reply; see `Client.ask`."""
        body: dict[str, Any] = {
            "model": self._model,
            "messages": [{"role": m.role, "content": m.content} for m in messages],
            "max_tokens": max_tokens,
            "temperature": 0,
            "stream": False,
        }
        structured = self._structured
        if structured:
            form = {"name": "scores", "strict": True, "schema": self._schema}
            body["response_format"] = {"type": "json_schema", "json_schema": form}
        try:
            answer = await self._completions(body)
        except RequestRejected as error:
            fits = not isinstance(error, PromptTooLong)
            if not (structured and fits and error.status in (400, 422) and not self._fixed):
                raise
            del body["response_format"]
            answer = await self._completions(body)
            self._structured = False
        reply = self._reply(answer)
        if not self._fixed and (reply.reasoning or "</think" in reply.content):
            self._structured = False
        return reply

    async def models(self) -> tuple[str, ...]:
        """Return the names of the models the server offers."""
        listed = (await self._server.get("/models")).get("data")
        names = [m.get("id") for m in listed or () if isinstance(m, dict)]
        return tuple(name for name in names if isinstance(name, str))

    async def aclose(self) -> None:
        """Close the connections."""
        await self._server.aclose()

    async def _completions(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        try:
            return await self._server.post("/chat/completions", body)
        except RequestRejected as error:
            if error.status in (400, 413) and _TOO_LONG.search(str(error)):
                raise PromptTooLong(str(error), error.status) from error
            if error.status == 404 or (error.status == 400 and _NO_MODEL.search(str(error))):
                raise await self._no_model(error) from error
            raise

    def _reply(self, answer: Mapping[str, Any]) -> Reply:
        choices = answer.get("choices")
        choice = choices[0] if isinstance(choices, list) and choices else None
        message = choice.get("message") if isinstance(choice, dict) else None
        if not isinstance(choice, dict) or not isinstance(message, dict):
            said = str(answer.get("error") or "no choices")[:200]
            raise ServerFault(f"{self._server.url} sent no completion: {said}", "malformed")
        usage = answer.get("usage")
        usage = usage if isinstance(usage, dict) else {}
        refusal = _text(message.get("refusal"))
        finish = _FINISH.get(str(choice.get("finish_reason")), "other")
        return Reply(
            content=_text(message.get("content")) or refusal,
            reasoning=_text(message.get("reasoning_content")) or _text(message.get("reasoning")),
            finish="refused" if refusal else finish,
            tokens_in=_count(usage.get("prompt_tokens")),
            tokens_out=_count(usage.get("completion_tokens")),
        )

    async def _no_model(self, error: RequestRejected) -> JudgeUnavailable:
        try:
            names = ", ".join(await self.models()) or "none"
        except (RequestRejected, ServerFault):
            return JudgeUnavailable(f"{error} (does url end where the API begins?)")
        return JudgeUnavailable(f"{self._server.url} has no model {self._model!r}; it has: {names}")


_FINISH: dict[str, Finish] = {
    "stop": "stop",
    "eos": "stop",
    "length": "length",
    "content_filter": "refused",
}


def _text(value: Any) -> str:
    """Content is a string, null, or a list of parts with text."""
    if isinstance(value, list):
        return "".join(_text(part.get("text")) for part in value if isinstance(part, dict))
    return value if isinstance(value, str) else ""


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) else None
