"""OpenClaw's session entries, as every version since 2025 has written them.

A transcript is one JSON object a line. The models take what they know and pass over the rest:
a field that is missing or new is no mistake, a type, role or block that is not known becomes an
`Unknown...` that keeps what was read. Only what is known by name and yet unusable (a message
without a body, a tool result that is a number) is an error, and the error says which field.

Versions: 1 has no ids and is read in the order of its lines; 2 and 3 make a tree (`id`,
`parentId`); 4 (OpenClaw 2026.9) is the same shape kept in SQLite rows.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

import orjson
from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Tag, ValidationError
from pydantic.alias_generators import to_camel


class BrokenEntryError(ValueError):
    """An entry of a known type that cannot be used. The message names the field."""


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


def _number(value: Any) -> Any:
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else 0


def _whole(value: Any) -> Any:
    return int(_number(value))


def _text(value: Any) -> Any:
    return value if isinstance(value, str) else ""


Millis = Annotated[int | None, BeforeValidator(epoch_ms)]
"""Epoch milliseconds, from ISO text or a number; None where absent or unreadable."""
Count = Annotated[int, BeforeValidator(_whole)]
"""A number of tokens; 0 where the provider gave none."""
MaybeText = Annotated[str, BeforeValidator(_text)]
"""Text that may be missing or null: then empty."""


class Shape(BaseModel):
    """A piece of an entry: camelCase on disk, deaf to unknown fields."""

    model_config = ConfigDict(
        extra="ignore", frozen=True, alias_generator=to_camel, validate_by_name=True
    )


class TextBlock(Shape):
    """Words."""

    type: Literal["text"] = "text"
    text: MaybeText = ""


class ThinkingBlock(Shape):
    """Reasoning. Its signature is the provider's and of no use here."""

    type: Literal["thinking"] = "thinking"
    thinking: MaybeText = ""


class ToolCallBlock(Shape):
    """A call the model decided on."""

    type: Literal["toolCall"] = "toolCall"
    id: MaybeText = ""
    name: MaybeText = ""
    arguments: Annotated[dict[str, Any], BeforeValidator(_arguments)] = {}


class ImageBlock(Shape):
    """A picture; its base64 `data` is not taken along."""

    type: Literal["image"] = "image"
    mime_type: MaybeText = ""


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

    total: Annotated[float, BeforeValidator(_number)] = 0.0


class TokenUsage(Shape):
    """Tokens of one answer; all zero for errors, injected messages and some proxies."""

    input: Count = 0
    output: Count = 0
    cache_read: Count = 0
    cache_write: Count = 0
    cost: Annotated[Cost, BeforeValidator(lambda v: v if isinstance(v, dict) else {})] = Cost()


class Provenance(Shape):
    """Where a user message came from, if not from a user."""

    kind: MaybeText = ""
    source_tool: MaybeText = ""
    source_channel: MaybeText = ""


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
    provider: MaybeText = ""
    model: MaybeText = ""
    usage: Annotated[TokenUsage, BeforeValidator(lambda v: v if isinstance(v, dict) else {})] = (
        TokenUsage()
    )
    stop_reason: MaybeText = ""
    error_message: MaybeText = ""
    timestamp: Millis = None


class ToolResultMessage(Shape):
    """What a tool answered. Text alone is in `content`; `details` is the tool's own account."""

    role: Literal["toolResult"] = "toolResult"
    tool_call_id: MaybeText = ""
    tool_name: MaybeText = ""
    content: Content = ()
    details: Any = None
    is_error: Annotated[bool, BeforeValidator(lambda v: v is True)] = False
    timestamp: Millis = None


class BashExecutionMessage(Shape):
    """A command a person ran from the assistant's terminal."""

    role: Literal["bashExecution"] = "bashExecution"
    command: MaybeText = ""
    output: MaybeText = ""
    exclude_from_context: Annotated[bool, BeforeValidator(lambda v: v is True)] = False
    timestamp: Millis = None


class CustomMessage(Shape):
    """Text an extension put into the model's context (`hookMessage` in version 2)."""

    role: Literal["custom", "hookMessage"] = "custom"
    custom_type: MaybeText = ""
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


class EntryShape(Shape):
    """What all entries have. `id` and `parent_id` are missing in version 1."""

    type: Any = None
    id: str | None = None
    parent_id: str | None = None
    timestamp: Millis = None


class Header(EntryShape):
    """The first line. `parent_session` is set in forks and in what compaction continues in."""

    version: Any = 1
    parent_session: str | None = None


class MessageEntry(EntryShape):
    """A message of the conversation."""

    message: Any = None


class CompactionEntry(EntryShape):
    """Everything before the first kept entry left the context; `summary` stands for it.

    Version 1 names the kept entry by its index among the file's lines (the header is 0).
    """

    summary: MaybeText = ""
    first_kept_entry_id: str | None = None
    first_kept_entry_index: int | None = None


class BranchSummaryEntry(EntryShape):
    """What the model is told of a branch that was left."""

    summary: MaybeText = ""


class CustomMessageEntry(EntryShape):
    """Text an extension put into the model's context."""

    custom_type: MaybeText = ""
    content: Content = ()


class LeafEntry(EntryShape):
    """A control record: the conversation goes on from `target_id`."""

    target_id: str | None = None


class ResetEntry(EntryShape):
    """The conversation starts afresh here, but for what is kept."""

    first_kept_entry_id: str | None = None


class OtherEntry(EntryShape):
    """An entry that is in the tree and says nothing to the model: model_change,
    thinking_level_change, custom, label, session_info."""


class UnknownEntry(EntryShape):
    """An entry of a type this version does not know; `raw` is all of it."""

    raw: dict[str, Any]


OpenClawEntry = (
    Header
    | MessageEntry
    | CompactionEntry
    | BranchSummaryEntry
    | CustomMessageEntry
    | LeafEntry
    | ResetEntry
    | OtherEntry
    | UnknownEntry
)

_ENTRIES: dict[Any, type[EntryShape]] = {
    "session": Header,
    "message": MessageEntry,
    "compaction": CompactionEntry,
    "branch_summary": BranchSummaryEntry,
    "custom_message": CustomMessageEntry,
    "leaf": LeafEntry,
    "reset": ResetEntry,
    "model_change": OtherEntry,
    "thinking_level_change": OtherEntry,
    "custom": OtherEntry,
    "label": OtherEntry,
    "session_info": OtherEntry,
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
        raise BrokenEntryError(_where("message.", error)) from None


def parse_entry(raw: dict[str, Any]) -> OpenClawEntry:
    """Return one line's entry. A type that is not known is kept, not refused.

    Raises:
        BrokenEntryError: a type that is known has unusable fields.
    """
    kind = raw.get("type")
    model = _ENTRIES.get(kind) if isinstance(kind, str) else None
    try:
        if model is None:
            return UnknownEntry.model_validate({**_base(raw), "raw": raw})
        if model is MessageEntry:
            entry = MessageEntry.model_validate(_base(raw))
            return entry.model_copy(update={"message": parse_message(raw.get("message"))})
        return model.model_validate(raw)  # type: ignore[return-value]
    except ValidationError as error:
        raise BrokenEntryError(_where("", error)) from None


def _base(raw: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": raw.get("type"),
        "id": raw.get("id"),
        "parentId": raw.get("parentId"),
        "timestamp": raw.get("timestamp"),
    }


def _where(prefix: str, error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    field = ".".join(str(part) for part in first["loc"]) or "entry"
    return f"{prefix}{field}: {first['msg']}"
