"""From an OpenClaw message to the node that stands for it in the tree."""

from __future__ import annotations

from typing import Any, Final

import orjson

from agents.extract.envelope import own_words
from agents.extract.nodes import ASSISTANT, NOTE, RESULT, USER, Node
from agents.extract.text import cut_middle, shorten
from schemas.identity import well_formed
from schemas.openclaw_messages import (
    AssistantMessage,
    BashExecutionMessage,
    BrokenEntryError,
    Content,
    CustomMessage,
    ImageBlock,
    Message,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
    ToolResultMessage,
    UserMessage,
)

SYNTHETIC: Final = "[openclaw] missing tool result in session history;"
"""How the error starts that OpenClaw writes where a tool's result never came."""

OWN_PROVIDER: Final = "openclaw"
"""The provider of messages no model wrote: mirrors of delivered text, injected notes."""

MIRROR: Final = "delivery-mirror"
"""The model name of a copy of text that was sent to a channel: not in the context twice."""

_DEPTH: Final = 100
"""Readers of turns give up at 200 levels of JSON; no honest tool call comes near."""

_CALL_CHARS: Final = 200
"""How much of a call's arguments later contexts show."""


def node_of(message: Message, entry_ms: int | None, result_chars: int) -> Node | None:
    """Return the node of a message, without its place in the tree; None where it says nothing.

    Args:
        message: The message.
        entry_ms: When its entry was appended (epoch milliseconds).
        result_chars: Tool results longer than this are cut in the middle.
    """
    if isinstance(message, AssistantMessage):
        if message.provider == OWN_PROVIDER:
            text = _text(message.content)
            return None if message.model == MIRROR or not text else _note("assistant", text)
        return _assistant(message, entry_ms)
    if isinstance(message, ToolResultMessage):
        return _result(message, entry_ms, result_chars)
    if isinstance(message, UserMessage):
        return _user(message, entry_ms)
    if isinstance(message, BashExecutionMessage):
        if message.exclude_from_context:
            return None
        return _note("tool", f"$ {message.command or ''}\n{message.output or ''}")
    if isinstance(message, CustomMessage):
        return note_of(message.content)
    return None


def note_of(content: Content) -> Node | None:
    """Return the node of text that an extension put into the context."""
    text = _text(content)
    return _note("user", text) if text else None


def _note(role: str, text: str) -> Node:
    return {"k": NOTE, "r": role, "x": text}


def _user(message: UserMessage, entry_ms: int | None) -> Node:
    raw = _text(message.content)
    came_from = message.provenance
    words = own_words(
        raw,
        (came_from.kind if came_from else None) or "",
        (came_from.source_tool if came_from else None) or "",
    )
    asked_ms = message.timestamp if message.timestamp is not None else entry_ms
    node: Node = {"k": USER, "i": _identity("u", asked_ms, ""), "at": asked_ms, "raw": raw}
    if words.own != raw:
        node["own"] = words.own
    if words.trigger != "user":
        node["tr"] = words.trigger
    if words.sender:
        node["se"] = words.sender
    channel = words.channel or (came_from.source_channel if came_from else None)
    if channel:
        node["ch"] = channel
    images = _images(message.content)
    if images:
        node["im"] = images
    return node


def _assistant(message: AssistantMessage, entry_ms: int | None) -> Node:
    calls: list[dict[str, Any]] = [
        {"id": block.id or "", "name": block.name or "", "arguments": block.arguments}
        for block in message.content
        if isinstance(block, ToolCallBlock)
    ]
    if any(_deeper(call["arguments"], _DEPTH) for call in calls):
        raise BrokenEntryError("message.content: arguments nested too deep")
    usage = message.usage
    thinking = [b.thinking for b in message.content if isinstance(b, ThinkingBlock) and b.thinking]
    started = message.timestamp
    step = {
        "role": "assistant",
        "text": _text(message.content),
        "thinking": "\n".join(thinking),
        "calls": calls,
        "provider": message.provider or "",
        "model": message.model or "",
        "stop_reason": message.stop_reason or "",
        "error": message.error_message or "",
        "usage": {
            "input": int(usage.input or 0),
            "output": int(usage.output or 0),
            "cache_read": int(usage.cache_read or 0),
            "cache_write": int(usage.cache_write or 0),
            "cost": (usage.cost.total if usage.cost else None) or 0.0,
        },
        "started_ms": started,
        "ended_ms": entry_ms,
    }
    ids = ",".join(call["id"] for call in calls)
    return {
        "k": ASSISTANT,
        "i": _identity("a", started if started is not None else entry_ms, ids),
        "s": step,
    }


def _deeper(value: Any, levels: int) -> bool:
    """Whether objects and lists are nested in more levels than that."""
    if isinstance(value, dict):
        return levels == 0 or any(_deeper(inner, levels - 1) for inner in value.values())
    if isinstance(value, list):
        return levels == 0 or any(_deeper(inner, levels - 1) for inner in value)
    return False


def _result(message: ToolResultMessage, entry_ms: int | None, result_chars: int) -> Node:
    whole = _text(message.content)
    text, omitted = cut_middle(whole, result_chars)
    at_ms = message.timestamp if message.timestamp is not None else entry_ms
    step: dict[str, Any] = {
        "role": "tool",
        "call_id": message.tool_call_id or "",
        "name": message.tool_name or "",
        "text": text,
        "is_error": message.is_error is True,
        "at_ms": at_ms,
    }
    images = _images(message.content)
    if images:
        step["images"] = images
    if omitted:
        step["omitted_chars"] = omitted
    if whole.startswith(SYNTHETIC):
        step["synthetic"] = True
    details = message.details
    if isinstance(details, dict):
        _take(step, "exit_code", details.get("exitCode"), int)
        _take(step, "status", details.get("status"), str)
        _take(step, "duration_ms", details.get("durationMs"), int)
    return {"k": RESULT, "i": _identity("r", at_ms, message.tool_call_id or ""), "s": step}


def _take(step: dict[str, Any], name: str, value: Any, kind: type) -> None:
    """Take a detail along if it is what it should be; `aggregated`, a second copy, never is."""
    if isinstance(value, float) and kind is int and value.is_integer():
        value = int(value)
    if type(value) is kind:
        step[name] = value


def _identity(kind: str, ms: int | None, ids: str) -> str | None:
    """Return what a message is whatever its entry id: OpenClaw appends entries again under new
    ids, but a message keeps its own time and its call ids. None where it has no time."""
    return None if ms is None else f"{kind}{ms} {ids}"


def _text(content: Content) -> str:
    return "\n".join([b.text for b in content if isinstance(b, TextBlock) and b.text])


def _images(content: Content) -> int:
    return sum(1 for block in content if isinstance(block, ImageBlock))


def waits(step: dict[str, Any]) -> bool:
    """Whether something must follow this decision: its tools' results and the next answer.

    `toolUse` without calls is one whose calls OpenClaw removed because no such tool exists.
    """
    if step["stop_reason"] in ("error", "aborted"):
        return False
    return bool(step["calls"]) or step["stop_reason"] == "toolUse"


def request(node: Node) -> str:
    """Return what a user node asks, without what OpenClaw put around it."""
    text: str = node["own"] if "own" in node else node["raw"]
    return text


def context_text(node: Node, limit: int) -> tuple[str, str]:
    """Return a node's role and text in the context of later turns, at most `limit` characters
    (an eighth of it for a tool's result)."""
    kind = node["k"]
    if kind == USER:
        return "user", shorten(request(node), limit)
    if kind == RESULT:
        if "x" in node:
            return "tool", node["x"]
        step = node["s"]
        return "tool", shorten(f"{step['name']}: {step['text']}", limit // 8)
    if kind == ASSISTANT:
        return "assistant", node["x"] if "x" in node else _decision_text(node["s"], limit)
    return node.get("r", "summary"), shorten(node["x"], limit)


def _decision_text(step: dict[str, Any], limit: int) -> str:
    lines = [step["text"]] if step["text"] else []
    for call in step["calls"]:
        try:
            arguments = orjson.dumps(call["arguments"]).decode()
        except TypeError:
            arguments = orjson.dumps(well_formed(call["arguments"])).decode()
        lines.append(f"[{call['name']} {shorten(arguments, _CALL_CHARS)}]")
    return shorten("\n".join(lines), limit)
