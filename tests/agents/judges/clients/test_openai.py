"""The chat completions wire, with the quirks of the servers that speak it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from agents.judges.clients import (
    JsonServer,
    Message,
    OpenAIClient,
    PromptTooLong,
    RequestRejected,
    ServerFault,
)
from agents.judges.contract import JudgeUnavailable
from agents.judges.rubric import answer_schema

ASK = (Message("system", "rubric"), Message("user", "turn"))
Answer = Callable[[dict[str, Any]], tuple[int, Any]]


def completion(finish: str | None = "stop", **message: Any) -> tuple[int, Any]:
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}
    return 200, {"choices": [choice], "usage": {"prompt_tokens": 12, "completion_tokens": 3}}


def error(status: int, message: str) -> tuple[int, Any]:
    return status, {"error": {"message": message}}


class Talk:
    """A client before a scripted server, and what it sent."""

    def __init__(self, answer: Answer, **options: Any) -> None:
        self.bodies: list[dict[str, Any]] = []
        self._answer = answer
        server = JsonServer(
            "http://mac:1234/v1",
            seconds=5,
            transport=httpx.MockTransport(self._serve),
            backoff=0.001,
        )
        self.client = OpenAIClient(server, "minimax-m2.5", schema=answer_schema(), **options)

    def _serve(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/v1/models":
            return httpx.Response(200, json={"data": [{"id": "qwen"}, {"id": "phi"}]})
        body = json.loads(request.content)
        self.bodies.append(body)
        status, answer = self._answer(body)
        return httpx.Response(status, json=answer)


async def test_what_is_sent_and_what_comes_back() -> None:
    talk = Talk(lambda _: completion(content="c"))
    reply = await talk.client.ask(ASK, 4096)
    assert (reply.content, reply.reasoning, reply.finish) == ("c", "", "stop")
    assert (reply.tokens_in, reply.tokens_out) == (12, 3)
    (body,) = talk.bodies
    assert body.pop("response_format") == {
        "type": "json_schema",
        "json_schema": {"name": "scores", "strict": True, "schema": answer_schema()},
    }
    assert body == {
        "model": "minimax-m2.5",
        "messages": [{"role": "system", "content": "rubric"}, {"role": "user", "content": "turn"}],
        "max_tokens": 4096,
        "temperature": 0,
        "stream": False,
    }


async def test_a_server_that_takes_no_schema_is_asked_without_from_then_on() -> None:
    def picky(body: dict[str, Any]) -> tuple[int, Any]:
        if "response_format" in body:
            return error(400, "response_format is not supported")
        return completion(content="c")

    talk = Talk(picky)
    assert (await talk.client.ask(ASK, 64)).content == "c"
    assert (await talk.client.ask(ASK, 64)).content == "c"
    assert ["response_format" in body for body in talk.bodies] == [True, False, False]


async def test_a_fault_that_is_not_the_schemas_stays_one() -> None:
    talk = Talk(lambda _: error(400, "bad things"))
    with pytest.raises(RequestRejected, match="bad things"):
        await talk.client.ask(ASK, 64)
    with pytest.raises(RequestRejected):
        await talk.client.ask(ASK, 64)
    assert "response_format" in talk.bodies[2]


@pytest.mark.parametrize(
    "thoughts",
    [
        {"content": "c", "reasoning": "t"},
        {"content": None, "reasoning_content": "t"},
        {"content": "t</think>c"},
    ],
)
async def test_a_model_that_thinks_is_spared_the_schema(thoughts: dict[str, Any]) -> None:
    talk = Talk(lambda _: completion(**thoughts))
    reply = await talk.client.ask(ASK, 64)
    assert reply.reasoning in ("t", "")
    await talk.client.ask(ASK, 64)
    assert ["response_format" in body for body in talk.bodies] == [True, False]


async def test_settings_win_over_what_is_noticed() -> None:
    talk = Talk(lambda _: completion(content="c", reasoning="t"), structured=True)
    await talk.client.ask(ASK, 64)
    await talk.client.ask(ASK, 64)
    off = Talk(lambda _: completion(content="c"), structured=False)
    await off.client.ask(ASK, 64)
    assert ["response_format" in body for body in talk.bodies + off.bodies] == [True, True, False]


@pytest.mark.parametrize(
    ("answer", "finish", "content"),
    [
        (completion("length", content="c"), "length", "c"),
        (completion("content_filter", content=None), "refused", ""),
        (completion("stop", content=None, refusal="I can't"), "refused", "I can't"),
        (completion(None, content="c"), "other", "c"),
        (completion(content=[{"type": "text", "text": "a"}, {"text": "b"}, 3]), "stop", "ab"),
    ],
)
async def test_how_answers_end(answer: tuple[int, Any], finish: str, content: str) -> None:
    reply = await Talk(lambda _: answer).client.ask(ASK, 64)
    assert (reply.finish, reply.content) == (finish, content)


@pytest.mark.parametrize(
    "message",
    [
        "the request exceeds the available context size (exceed_context_size_error)",
        "This model's maximum context length is 4096 tokens",
        "The prompt is too long",
    ],
)
async def test_a_prompt_that_does_not_fit(message: str) -> None:
    talk = Talk(lambda _: error(400, message))
    with pytest.raises(PromptTooLong):
        await talk.client.ask(ASK, 64)
    assert len(talk.bodies) == 1


@pytest.mark.parametrize("status", [404, 400])
async def test_a_missing_model_names_those_there_are(status: int) -> None:
    talk = Talk(lambda _: error(status, "Model 'minimax-m2.5' not found"))
    with pytest.raises(JudgeUnavailable) as caught:
        await talk.client.ask(ASK, 64)
    assert str(caught.value) == "http://mac:1234/v1 has no model 'minimax-m2.5'; it has: qwen, phi"


@pytest.mark.parametrize(
    "answer", [{}, {"choices": []}, {"choices": [{}]}, {"choices": [3]}, {"error": "x"}]
)
async def test_a_body_without_a_completion_is_malformed(answer: dict[str, Any]) -> None:
    with pytest.raises(ServerFault) as caught:
        await Talk(lambda _: (200, answer)).client.ask(ASK, 64)
    assert caught.value.reason == "malformed"
