"""The messages in OpenClaw's session entries: roles, content blocks, and their tolerance.

A field that is missing, null or new is no mistake; a role or block that is not known is kept and
passed over. Only what is known by name and yet unusable is an error that names the field.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

import orjson
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Tag,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)
from pydantic.alias_generators import to_camel


class BrokenEntryError(Exception):
    """An entry of a known type that cannot be used. The message names the field.

    Not a ValueError, so that pydantic lets it through from within a validator.
    """


def epoch_ms(timestamp: Any) -> int | None:
    """Return a timestamp in epoch milliseconds, or None where there is none.

    Entries carry ISO text with milliseconds and `Z`, messages carry epoch milliseconds.
    """
    if isinstance(timestamp, str):
        try:
            return round(datetime.fromisoformat(timestamp).timestamp() * 1000)
        except (ValueError, OverflowError):
            return None
    if isinstance(timestamp, (int, float)) and not isinstance(timestamp, bool):
        return int(timestamp) if -1e15 < timestamp < 1e15 else None
    return None


def _arguments(value: Any) -> Any:
    """Return a call's arguments as an object; a model can write text that is none."""
    if isinstance(value, str):
        try:
            value = orjson.loads(value)
        except orjson.JSONDecodeError:
            return {"_raw": value}
    if value is None:
        return {}
    return value if isinstance(value, dict) else {"_raw": value}


Millis = Annotated[int | None, BeforeValidator(epoch_ms)]
"""Epoch milliseconds, from ISO text or a number; None where absent or unreadable."""


class Shape(BaseModel):
    """A piece of an entry: camelCase on disk, deaf to unknown fields."""

    model_config = ConfigDict(
        extra="ignore", frozen=True, alias_generator=to_camel, validate_by_name=True
    )


class TextBlock(Shape):
    """Words."""

    type: Literal["text"] = "text"
    text: str | None = None


class ThinkingBlock(Shape):
    """Reasoning. Its signature is the provider's and of no use here."""

    type: Literal["thinking"] = "thinking"
    thinking: str | None = None


class ToolCallBlock(Shape):
    """A call the model decided on."""

    type: Literal["toolCall"] = "toolCall"
    id: str | None = None
    name: str | None = None
    arguments: Annotated[dict[str, Any], BeforeValidator(_arguments)] = {}


class ImageBlock(Shape):
    """A picture; its base64 `data` is not taken along."""

    type: Literal["image"] = "image"
    mime_type: str | None = None


class UnknownBlock(BaseModel):
    """A block of a type this version does not know."""

    model_config = ConfigDict(extra="allow", frozen=True)


def _block_tag(block: Any) -> str:
    kind = block.get("type") if isinstance(block, dict) else None
    return kind if kind in ("text", "thinking", "toolCall", "image") else "unknown"


def _unknown(block: Any) -> Any:
    return block if isinstance(block, dict) else {"value": block}


Block = Annotated[
    Annotated[TextBlock, Tag("text")]
    | Annotated[ThinkingBlock, Tag("thinking")]
    | Annotated[ToolCallBlock, Tag("toolCall")]
    | Annotated[ImageBlock, Tag("image")]
    | Annotated[UnknownBlock, BeforeValidator(_unknown), Tag("unknown")],
    Discriminator(_block_tag),
]


def _blocks(content: Any) -> Any:
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    return [] if content is None else content


Content = Annotated[tuple[Block, ...], BeforeValidator(_blocks)]
"""A message's content: plain text on disk is one text block here."""


class Cost(Shape):
    """What the provider charged, in its currency."""

    total: float | None = None


class TokenUsage(Shape):
    """Tokens of one answer; all zero for errors, injected messages and some proxies."""

    input: float | None = None
    output: float | None = None
    cache_read: float | None = None
    cache_write: float | None = None
    cost: Cost | None = None


def _usage(value: Any, parse: ValidatorFunctionWrapHandler) -> TokenUsage:
    """Take usage as none where it cannot be read: an answer is not lost for its bookkeeping."""
    try:
        found: TokenUsage = parse(value)
    except ValidationError:
        return TokenUsage()
    return found


class Provenance(Shape):
    """Where a user message came from, if not from a user."""

    kind: str | None = None
    source_tool: str | None = None
    source_channel: str | None = None


class UserMessage(Shape):
    """What was said to the assistant, by a person or by OpenClaw."""

    role: Literal["user"] = "user"
    content: Content = ()
    timestamp: Millis = None
    provenance: Provenance | None = None


class AssistantMessage(Shape):
    """One answer of the model. Provider `openclaw` marks text no model wrote."""

    role: Literal["assistant"] = "assistant"
    content: Content = ()
    provider: str | None = None
    model: str | None = None
    usage: Annotated[TokenUsage, WrapValidator(_usage)] = TokenUsage()
    stop_reason: str | None = None
    error_message: str | None = None
    timestamp: Millis = None


class ToolResultMessage(Shape):
    """What a tool answered. Text alone is in `content`; `details` is the tool's own account."""

    role: Literal["toolResult"] = "toolResult"
    tool_call_id: str | None = None
    tool_name: str | None = None
    content: Content = ()
    details: Any = None
    is_error: bool | None = None
    timestamp: Millis = None


class BashExecutionMessage(Shape):
    """A command a person ran from the assistant's terminal."""

    role: Literal["bashExecution"] = "bashExecution"
    command: str | None = None
    output: str | None = None
    exclude_from_context: bool | None = None
    timestamp: Millis = None


class CustomMessage(Shape):
    """Text an extension put into the model's context (`hookMessage` in version 2)."""

    role: Literal["custom", "hookMessage"] = "custom"
    custom_type: str | None = None
    content: Content = ()
    timestamp: Millis = None


class UnknownMessage(BaseModel):
    """A message of a role this version does not know."""

    model_config = ConfigDict(extra="allow", frozen=True)
    role: Any = None


Message = (
    UserMessage
    | AssistantMessage
    | ToolResultMessage
    | BashExecutionMessage
    | CustomMessage
    | UnknownMessage
)

_ROLES: dict[Any, type[Shape]] = {
    "user": UserMessage,
    "assistant": AssistantMessage,
    "toolResult": ToolResultMessage,
    "bashExecution": BashExecutionMessage,
    "custom": CustomMessage,
    "hookMessage": CustomMessage,
}


def parse_message(raw: Any) -> Message:
    """Return the message in a message entry.

    Raises:
        BrokenEntryError: it is no object, or a role that is known has unusable fields.
    """
    if not isinstance(raw, dict):
        raise BrokenEntryError("message: not an object")
    role = raw.get("role")
    model = _ROLES.get(role) if isinstance(role, str) else None
    if model is None:
        if not isinstance(role, str):
            raise BrokenEntryError("message.role: missing")
        return UnknownMessage.model_construct(role=role)
    try:
        return model.model_validate(raw)  # type: ignore[return-value]
    except ValidationError as error:
        raise BrokenEntryError(where("message.", error)) from None


def where(prefix: str, error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    field = ".".join(str(part) for part in first["loc"]) or "entry"
    return f"{prefix}{field}: {first['msg']}"
