"""Schemas from the calls that were seen."""

from __future__ import annotations

from typing import Any

from sinks.dataset.tools import MOST_FIELDS, ToolBook


def calling(name: str, **arguments: Any) -> dict[str, Any]:
    call = {"function": {"name": name, "arguments": arguments}}
    return {"role": "assistant", "tool_calls": [call]}


def test_fields_and_what_is_always_given() -> None:
    book = ToolBook()
    book.see("main", [calling("read", path="a"), calling("read", path="b", limit=3)])
    book.see("main", [{"role": "user", "content": "hi"}, calling("exec", command=["a"])])
    book.see("gw", [calling("send", text="x")])
    found = {
        tool["function"]["name"]: tool["function"]["parameters"] for tool in book.schemas("main")
    }
    assert list(found) == ["exec", "read"]
    assert found["read"] == {
        "type": "object",
        "properties": {"limit": {"type": "integer"}, "path": {"type": "string"}},
        "required": ["path"],
    }
    assert book.agents == ["gw", "main"]
    assert book.schemas("nobody") == []


def test_a_tool_with_ever_new_fields_takes_any_object() -> None:
    book = ToolBook()
    for number in range(MOST_FIELDS + 1):
        book.see("main", [calling("set", **{f"key{number}": 1})])
    (tool,) = book.schemas("main")
    assert tool["function"]["parameters"] == {"type": "object"}
