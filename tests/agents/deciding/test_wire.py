"""What servers are sent, and what is read of their answers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from agents.deciding.wire import Kind, NoDecision, decision, request
from schemas.pair import ChatMessage

CALL = {
    "id": "call_1",
    "type": "function",
    "function": {"name": "exec", "arguments": {"command": "ls"}},
}
PROMPT = (
    ChatMessage(role="user", content="what is here?"),
    ChatMessage(role="assistant", tool_calls=(CALL,)),
    ChatMessage(role="tool", content="a b", tool_call_id="call_1", name="exec"),
)
TOOLS = [{"type": "function", "function": {"name": "exec", "parameters": {"type": "object"}}}]


def asked(kind: Kind) -> dict[str, Any]:
    return request(kind, "m", PROMPT, TOOLS, max_tokens=100, context_tokens=2048)[1]


def test_ollama_gets_arguments_as_objects_and_results_by_tool() -> None:
    body = asked("ollama")
    assert body["messages"][1]["tool_calls"] == [{"function": CALL["function"]}]
    assert body["messages"][2] == {"role": "tool", "content": "a b", "tool_name": "exec"}
    assert body["options"] == {"num_ctx": 2048, "num_predict": 100, "temperature": 0}
    assert body["tools"] == TOOLS


def test_openai_gets_arguments_as_text_and_results_by_call() -> None:
    body = asked("openai")
    (call,) = body["messages"][1]["tool_calls"]
    assert (call["id"], json.loads(call["function"]["arguments"])) == ("call_1", {"command": "ls"})
    assert body["messages"][2]["tool_call_id"] == "call_1"
    assert body["max_tokens"] == 100


def ollama(**message: Any) -> dict[str, Any]:
    return {"message": {"role": "assistant", **message}, "done_reason": "stop"}


def openai(finish: str = "stop", **message: Any) -> dict[str, Any]:
    return {"choices": [{"message": message, "finish_reason": finish}]}


@pytest.mark.parametrize(
    ("kind", "answer"),
    [
        ("ollama", ollama(content="", tool_calls=[{"function": CALL["function"]}])),
        (
            "openai",
            openai(
                content=None,
                tool_calls=[
                    {"id": "x", "function": {"name": "exec", "arguments": '{"command": "ls"}'}}
                ],
            ),
        ),
    ],
)
def test_a_call_is_read_alike_of_both(kind: Kind, answer: dict[str, Any]) -> None:
    assert decision(kind, answer, TOOLS) == ChatMessage(role="assistant", tool_calls=(CALL,))


def test_thoughts_are_no_part_of_what_is_said() -> None:
    said = decision("openai", openai(content="<think>Hm. {x}</think>\n\nTwo files."), ()).content
    assert said == "Two files."


@pytest.mark.parametrize(
    ("kind", "answer", "reason"),
    [
        ("ollama", {}, "no message"),
        ("openai", {"choices": []}, "no message"),
        ("openai", openai("length", content="Two fi"), "its tokens"),
        ("ollama", ollama(content=" "), "empty"),
        ("ollama", ollama(content="<think>for ever"), "empty"),
        ("openai", openai(tool_calls=[{"function": {"arguments": "{}"}}]), "without a name"),
        (
            "openai",
            openai(tool_calls=[{"function": {"name": "a", "arguments": "{"}}]),
            "are no JSON",
        ),
        (
            "ollama",
            ollama(tool_calls=[{"function": {"name": "a", "arguments": [1]}}]),
            "are no object",
        ),
        (
            "openai",
            openai(tool_calls=[{"function": {"name": "made_up", "arguments": "{}"}}]),
            "calls 'made_up', which it was not offered",
        ),
    ],
)
def test_what_could_not_stand_in_a_pair_is_no_decision(
    kind: Kind, answer: dict[str, Any], reason: str
) -> None:
    with pytest.raises(NoDecision, match=reason):
        decision(kind, answer, TOOLS)
