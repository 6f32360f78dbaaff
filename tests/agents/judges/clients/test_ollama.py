"""Ollama's wire: what is sent, and what its answers mean."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from agents.judges.clients import (
    JsonServer,
    Message,
    OllamaClient,
    PromptTooLong,
    RequestRejected,
    ServerFault,
)
from agents.judges.contract import JudgeUnavailable
from agents.judges.rubric import answer_schema

ASK = (Message("system", "rubric"), Message("user", "turn"))
CHAT = {
    "message": {"role": "assistant", "content": "c", "thinking": "t"},
    "done_reason": "stop",
    "prompt_eval_count": 12,
    "eval_count": 3,
}


class Ollama:
    """Plays the server from canned answers by path."""

    def __init__(self, **answers: tuple[int, dict[str, Any]]) -> None:
        self.answers = {
            "chat": (200, CHAT),
            "show": (200, {"capabilities": ["completion"]}),
            "tags": (200, {"models": [{"name": "llama3.3:70b"}, {"name": "phi4"}, {}]}),
        } | answers
        self.asked: list[tuple[str, Any]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        name = request.url.path.rpartition("/")[2]
        self.asked.append((name, json.loads(request.content or b"null")))
        status, body = self.answers[name]
        return httpx.Response(status, json=body)

    @property
    def chat(self) -> Any:
        return next(body for name, body in self.asked if name == "chat")


def client(ollama: Ollama, **options: Any) -> OllamaClient:
    server = JsonServer(
        "http://spark1:11434", seconds=5, transport=httpx.MockTransport(ollama), backoff=0.001
    )
    return OllamaClient(
        server, "nemotron", **{"num_ctx": 8192, "schema": answer_schema(), **options}
    )


async def test_what_is_sent_and_what_comes_back() -> None:
    ollama = Ollama()
    reply = await client(ollama).ask(ASK, 4096)
    assert (reply.content, reply.reasoning, reply.finish) == ("c", "t", "stop")
    assert (reply.tokens_in, reply.tokens_out) == (12, 3)
    assert ollama.chat == {
        "model": "nemotron",
        "messages": [{"role": "system", "content": "rubric"}, {"role": "user", "content": "turn"}],
        "stream": False,
        "truncate": False,
        "keep_alive": "30m",
        "options": {"num_ctx": 8192, "num_predict": 4096, "temperature": 0},
        "format": answer_schema(),
    }


@pytest.mark.parametrize(
    ("capabilities", "structured", "sent"),
    [
        ({"capabilities": ["completion"]}, None, True),
        ({"capabilities": ["completion", "thinking"]}, None, False),
        ({"capabilities": None}, None, True),
        ({}, None, True),
        ({"capabilities": ["thinking"]}, True, True),
        ({}, False, False),
    ],
)
async def test_the_schema_is_kept_from_models_that_think(
    capabilities: dict[str, Any], structured: bool | None, sent: bool
) -> None:
    ollama = Ollama(show=(200, capabilities))
    talk = client(ollama, structured=structured)
    await talk.ask(ASK, 64)
    await talk.ask(ASK, 64)
    assert ("format" in ollama.chat) is sent
    assert [name for name, _ in ollama.asked].count("show") == (structured is None)


async def test_thinking_is_only_spoken_of_when_it_is_set() -> None:
    for think, sent in ((None, {}), (False, {"think": False}), ("low", {"think": "low"})):
        ollama = Ollama()
        await client(ollama, think=think).ask(ASK, 64)
        assert {k: v for k, v in ollama.chat.items() if k == "think"} == sent


async def test_cut_answers_say_so() -> None:
    reply = await client(Ollama(chat=(200, {**CHAT, "done_reason": "length"}))).ask(ASK, 64)
    assert reply.finish == "length"


@pytest.mark.parametrize("path", ["chat", "show"])
async def test_a_missing_model_names_those_there_are(path: str) -> None:
    ollama = Ollama(**{path: (404, {"error": "model 'nemotron' not found"})})
    with pytest.raises(JudgeUnavailable) as caught:
        await client(ollama).ask(ASK, 64)
    assert str(caught.value) == (
        "http://spark1:11434 has no model 'nemotron'; it has: llama3.3:70b, phi4 "
        "(ollama pull nemotron)"
    )


async def test_a_prompt_that_is_refused_as_too_long() -> None:
    error = {"error": "the input length exceeds the context length"}
    with pytest.raises(PromptTooLong, match="exceeds"):
        await client(Ollama(chat=(400, error))).ask(ASK, 64)


async def test_a_prompt_that_was_cut_in_silence_is_noticed() -> None:
    """Servers that do not know `truncate` answer 200 (ollama#17889)."""
    ollama = Ollama(chat=(200, {**CHAT, "prompt_eval_count": 2050}))
    with pytest.raises(PromptTooLong, match="read only 2050 tokens of 32000 characters"):
        await client(ollama).ask((ASK[0], Message("user", "turn " * 6400)), 64)


@pytest.mark.parametrize(
    "answer", [(400, {"error": '"x" does not support thinking'}), (200, {"error": "boom"})]
)
async def test_other_refusals_are_this_requests_own(answer: tuple[int, dict[str, Any]]) -> None:
    with pytest.raises(RequestRejected):
        await client(Ollama(chat=answer)).ask(ASK, 64)


async def test_what_is_left_unsaid() -> None:
    reply = await client(Ollama(chat=(200, {"message": {}}))).ask(ASK, 64)
    assert (reply.content, reply.finish, reply.tokens_in) == ("", "other", None)


async def test_another_kind_of_server_is_told_apart() -> None:
    """Some servers have /api/chat too and answer as OpenAI does, others have no such path."""
    with pytest.raises(ServerFault, match='try kind = "openai"'):
        await client(Ollama(chat=(200, {"choices": []}))).ask(ASK, 64)
    nothing = (404, {"error": "File Not Found"})
    with pytest.raises(JudgeUnavailable, match='try kind = "openai"'):
        await client(Ollama(show=nothing, tags=nothing)).ask(ASK, 64)
