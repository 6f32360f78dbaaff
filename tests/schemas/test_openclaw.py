"""OpenClaw's entries are taken as they come."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.openclaw import (
    CompactionEntry,
    Header,
    LeafEntry,
    MessageEntry,
    OtherEntry,
    UnknownEntry,
    parse_entry,
)
from schemas.openclaw_messages import (
    AssistantMessage,
    BrokenEntryError,
    TextBlock,
    ToolCallBlock,
    UnknownBlock,
    UnknownMessage,
    UserMessage,
    epoch_ms,
    parse_message,
)

FIXTURES = Path(__file__).parents[1] / "fixtures" / "sessions"


def test_real_lines_are_all_known() -> None:
    lines = 0
    for path in FIXTURES.glob("*/agents/*/sessions/*.jsonl*"):
        for line in path.read_bytes().splitlines():
            entry = parse_entry(orjson.loads(line))
            assert not isinstance(entry, UnknownEntry)
            if isinstance(entry, MessageEntry):
                assert not isinstance(entry.message, UnknownMessage)
            lines += 1
    assert lines > 100


@pytest.mark.parametrize("version", [None, 1, 2, 3, 4])
def test_headers(version: int | None) -> None:
    raw = {"type": "session", "id": "s", "timestamp": "2026-11-22T18:58:20.472Z", "cwd": "/"}
    if version is not None:
        raw["version"] = version  # type: ignore[assignment]
    entry = parse_entry(raw)
    assert isinstance(entry, Header)
    assert entry.version == version or version is None
    assert entry.timestamp == 1795373900472


def test_other_entries() -> None:
    for kind in ("model_change", "thinking_level_change", "custom", "label", "session_info"):
        assert isinstance(parse_entry({"type": kind, "id": "a", "parentId": None}), OtherEntry)
    leaf = parse_entry({"type": "leaf", "id": "l", "targetId": "t", "appendMode": "side"})
    assert isinstance(leaf, LeafEntry)
    assert leaf.target_id == "t"
    compaction = parse_entry({"type": "compaction", "summary": "s", "firstKeptEntryIndex": 4})
    assert isinstance(compaction, CompactionEntry)
    assert compaction.first_kept_entry_index == 4


def test_unknown_things_are_kept() -> None:
    entry = parse_entry({"type": "hologram", "id": "h", "parentId": "p", "beam": [1]})
    assert isinstance(entry, UnknownEntry)
    assert (entry.id, entry.parent_id, entry.raw["beam"]) == ("h", "p", [1])
    message = parse_message({"role": "oracle", "content": 1})
    assert isinstance(message, UnknownMessage)
    user = parse_message({"role": "user", "content": [{"type": "video", "x": 1}, 7, "text"]})
    assert isinstance(user, UserMessage)
    assert all(isinstance(block, UnknownBlock) for block in user.content)


def test_content_is_a_string_or_blocks() -> None:
    user = parse_message({"role": "user", "content": "hello", "new": 1})
    assert isinstance(user, UserMessage)
    assert user.content == (TextBlock(text="hello"),)
    assert parse_message({"role": "user", "content": None}) == UserMessage()


def test_missing_and_null_fields_are_fine() -> None:
    raw = {"role": "assistant", "content": [], "stopReason": None, "usage": {"input": None}}
    message = parse_message(raw)
    assert isinstance(message, AssistantMessage)
    assert message.usage.input is None
    broken = parse_message({"role": "assistant", "content": [], "usage": {"input": "many"}})
    assert isinstance(broken, AssistantMessage)
    assert broken.usage.output is None


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"a": 1}, {"a": 1}),
        ('{"a": 1}', {"a": 1}),
        ("{bad", {"_raw": "{bad"}),
        ([1], {"_raw": [1]}),
        (None, {}),
    ],
)
def test_arguments(arguments: Any, expected: dict[str, Any]) -> None:
    block = {"type": "toolCall", "id": "c", "name": "t", "arguments": arguments}
    message = parse_message({"role": "assistant", "content": [block]})
    assert isinstance(message, AssistantMessage)
    (call,) = message.content
    assert isinstance(call, ToolCallBlock)
    assert call.arguments == expected


@pytest.mark.parametrize(
    ("raw", "field"),
    [
        ({"type": "message", "message": 3}, "message"),
        ({"type": "message"}, "message"),
        ({"type": "message", "message": {"content": "x"}}, "message.role"),
        ({"type": "message", "message": {"role": "user", "content": 3}}, "message.content"),
        ({"type": "message", "id": 3, "message": {"role": "user"}}, "id"),
        ({"type": "compaction", "summary": []}, "summary"),
    ],
)
def test_what_is_broken_names_its_field(raw: dict[str, Any], field: str) -> None:
    with pytest.raises(BrokenEntryError, match=rf"^{field}: "):
        parse_entry(raw)


def test_times() -> None:
    assert epoch_ms("2026-11-22T18:58:20.472Z") == 1795373900472
    assert epoch_ms(1795373900472.0) == 1795373900472
    for none in (None, "yesterday", True, [], 1e300, float("nan")):
        assert epoch_ms(none) is None


json = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=10,
)
KINDS = st.sampled_from(["message", "session", "compaction", "leaf", "custom", "new"]) | json
FIELDS = st.sampled_from(["id", "parentId", "timestamp", "summary", "content", "message"])
MESSAGES = st.dictionaries(
    st.sampled_from(["content", "timestamp", "usage", "details", "isError", "model"]), json
)


@given(
    kind=KINDS,
    fields=st.dictionaries(FIELDS, json),
    role=st.sampled_from(["user", "assistant", "toolResult", "custom", "new"]),
    message=MESSAGES,
)
def test_anything_is_parsed_or_refused_in_words(
    kind: Any, fields: dict[str, Any], role: str, message: dict[str, Any]
) -> None:
    raw = {"message": {"role": role, **message}, **fields, "type": kind}
    reason = ": "
    try:
        parse_entry(raw)
    except BrokenEntryError as error:
        reason = str(error)
    assert ": " in reason
