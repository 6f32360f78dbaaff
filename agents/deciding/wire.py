"""Conversations with tools as inference servers take them, and the decision they answer with.

Ollama: `docs/api.md`, "Generate a chat completion" (arguments are objects, a result names its
tool). OpenAI: the chat completions API (arguments are JSON texts, a result names its call).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

from agents.judges.answer import end_of_thoughts
from schemas.pair import ChatMessage

Kind = Literal["ollama", "openai"]


_NAME_CHARS: Final = 80


class NoDecision(ValueError):
    """The answer is no decision that could stand in a pair. One line that says why."""


def request(
    kind: Kind,
    model: str,
    prompt: Sequence[ChatMessage],
    tools: Sequence[Mapping[str, Any]],
    *,
    max_tokens: int,
    context_tokens: int,
) -> tuple[str, dict[str, Any]]:
    """Return the path and the body that ask for the next message.

    Args:
        kind: whose API it is.
        model: the model's name there.
        prompt: all that stood before.
        tools: the schemas of the tools it may call.
        max_tokens: room for the answer.
        context_tokens: Ollama's context.
    """
    body: dict[str, Any] = {
        "model": model,
        "messages": [_outgoing(kind, message) for message in prompt],
        "stream": False,
    }
    if tools:
        body["tools"] = list(tools)
    if kind == "ollama":
        body["truncate"] = False
        body["options"] = {
            "num_ctx": context_tokens,
            "num_predict": max_tokens,
            "temperature": 0,
        }
        return "/api/chat", body
    return "/chat/completions", body | {"max_tokens": max_tokens, "temperature": 0}


def decision(
    kind: Kind, answer: Mapping[str, Any], tools: Sequence[Mapping[str, Any]]
) -> ChatMessage:
    """Return the message of a server's answer.

    Args:
        kind: whose API it is.
        answer: what the server sent.
        tools: the schemas of the tools it was offered.

    Raises:
        NoDecision: it was cut, is empty, calls in a way that can't be read, or calls what it was
            not offered.
    """
    if kind == "ollama":
        message, ended = answer.get("message"), answer.get("done_reason")
    else:
        choices = answer.get("choices")
        first = choices[0] if isinstance(choices, list) and choices else None
        choice = first if isinstance(first, dict) else {}
        message, ended = choice.get("message"), choice.get("finish_reason")
    if not isinstance(message, dict):
        raise NoDecision("the server sent no message")
    if ended == "length":
        raise NoDecision("it did not end within its tokens")
    text = message.get("content")
    text = text if isinstance(text, str) else ""
    text = text[end_of_thoughts(text) :].strip()
    calls = tuple(
        _incoming(number, call) for number, call in enumerate(message.get("tool_calls") or (), 1)
    )
    if not text and not calls:
        raise NoDecision("the answer is empty")
    offered = {tool["function"]["name"] for tool in tools}
    for call in calls:
        if (name := call["function"]["name"]) not in offered:
            raise NoDecision(f"it calls {_short(name)}, which it was not offered")
    return ChatMessage(role="assistant", content=text, tool_calls=calls or None)


def _outgoing(kind: Kind, message: ChatMessage) -> dict[str, Any]:
    sent: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.tool_calls:
        sent["tool_calls"] = [_call(kind, call) for call in message.tool_calls]
    if message.role == "tool":
        name = "tool_name" if kind == "ollama" else "tool_call_id"
        sent[name] = message.name if kind == "ollama" else message.tool_call_id
    return sent


def _call(kind: Kind, call: Mapping[str, Any]) -> dict[str, Any]:
    function = call["function"]
    if kind == "ollama":
        return {"function": {"name": function["name"], "arguments": function["arguments"]}}
    arguments = json.dumps(function["arguments"], ensure_ascii=False)
    return {
        "id": call["id"],
        "type": "function",
        "function": {"name": function["name"], "arguments": arguments},
    }


def _short(name: str) -> str:
    """Return a name that a model made up for a line of text."""
    return repr(name if len(name) <= _NAME_CHARS else name[: _NAME_CHARS - 1] + "…")


def _incoming(number: int, call: Any) -> dict[str, Any]:
    function = call.get("function") if isinstance(call, dict) else None
    name = function.get("name") if isinstance(function, dict) else None
    if not isinstance(function, dict) or not isinstance(name, str) or not name:
        raise NoDecision("it calls a tool without a name")
    arguments = function.get("arguments")
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments or "{}")
        except ValueError:
            raise NoDecision(f"the arguments of its call of {name} are no JSON") from None
    if not isinstance(arguments, dict):
        raise NoDecision(f"the arguments of its call of {name} are no object")
    return {
        "id": f"call_{number}",
        "type": "function",
        "function": {"name": name, "arguments": arguments},
    }
