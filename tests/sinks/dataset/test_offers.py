"""The tools of a row: offered, seen to be called, or both."""

from __future__ import annotations

import random
from typing import Any

import pytest

from schemas.table import MemoryTable
from schemas.tool import ToolDefinition, ToolOffer, read_tool
from sinks.dataset.offers import MOST, Offered, Offers
from sinks.dataset.tools import ToolBook
from sinks.offered import ToolsRead
from tests.sinks.dataset.test_tools import calling

TEXT = {"type": "string"}


def defined(
    name: str, about: str = "", cut: tuple[tuple[str, ...], ...] = (), **properties: Any
) -> ToolDefinition:
    schema = {"properties": properties, "type": "object"}
    return ToolDefinition.of("main", name, about, schema, cut)


EXEC, READ, WRITE = (defined(name, f"To {name}.", path=TEXT) for name in ("exec", "read", "write"))
ALL = (EXEC, READ, WRITE)


def offer(at_ms: int, *tools: ToolDefinition, session: str = "s", agent: str = "main") -> ToolOffer:
    return ToolOffer.of(agent, session, at_ms, tuple(each.id for each in tools))


def taken(*records: ToolDefinition | ToolOffer) -> MemoryTable:
    read, table = ToolsRead(), MemoryTable()
    for each in records:
        read.read(read_tool(each.to_bytes()))
    read.put(table)
    return table


def seen(*messages: dict[str, Any], agent: str = "main") -> ToolBook:
    book = ToolBook()
    book.see(agent, messages)
    return book


def names(found: Offered) -> list[str]:
    return [each["function"]["name"] for each in found.schemas]


def test_a_row_has_what_its_session_was_offered_in_the_chat_format() -> None:
    offers = Offers(taken(EXEC, READ, offer(5, READ, EXEC)), ToolBook())
    found = offers.for_row("main", "s", 1, ["read"])
    assert found.source == "trajectory"
    assert found.schemas[0] == {
        "type": "function",
        "function": {
            "name": "read",
            "description": "To read.",
            "parameters": {"properties": {"path": TEXT}, "type": "object"},
        },
    }
    assert names(found) == ["read", "exec"]


@pytest.mark.parametrize(
    ("at_ms", "tool"), [(0, "exec"), (10, "exec"), (11, "read"), (20, "read"), (21, "write")]
)
def test_the_first_offer_behind_the_message_counts_else_the_last(at_ms: int, tool: str) -> None:
    table = taken(*ALL, offer(10, EXEC), offer(20, READ), offer(30, WRITE))
    assert names(Offers(table, ToolBook()).for_row("main", "s", at_ms, [])) == [tool]
    assert names(Offers(table, ToolBook()).for_row("main", "s", 31, [])) == ["write"]


def test_a_session_without_any_has_the_agents_newest() -> None:
    records = [*ALL, offer(10, EXEC, session="z"), offer(30, READ), offer(20, WRITE, session="y")]
    for seed in range(5):
        random.Random(seed).shuffle(records)
        offers = Offers(taken(*records), ToolBook())
        assert names(offers.for_row("main", "other", 1, [])) == ["read"]
        assert names(offers.for_row("gw", "s", 1, [])) == []


def test_of_two_offers_at_one_time_the_ids_decide() -> None:
    records = [EXEC, READ, offer(10, EXEC, session="a"), offer(10, READ, session="b")]
    found = {
        tuple(names(Offers(taken(*order), ToolBook()).for_row("main", "c", 1, [])))
        for order in (records, records[::-1])
    }
    assert len(found) == 1


def test_a_tool_that_is_called_and_was_not_offered_is_added() -> None:
    book = seen(calling("calendar", day="x"), calling("search", text="x"))
    offers = Offers(taken(READ, offer(1, READ)), book)
    found = offers.for_row("main", "s", 1, ["read", "calendar", "unheard_of"])
    assert (names(found), found.source) == (["read", "calendar"], "mixed")
    assert offers.for_row("main", "s", 1, ["read"]).source == "trajectory"


def test_an_agent_without_offers_has_all_tools_that_were_called() -> None:
    offers = Offers(taken(READ, offer(1, READ)), seen(calling("b"), calling("a"), agent="gw"))
    found = offers.for_row("gw", "s", 1, ["b"])
    assert (names(found), found.source) == (["a", "b"], "inferred")


def test_an_offer_whose_definitions_are_gone_is_none() -> None:
    offers = Offers(taken(offer(1, READ)), seen(calling("a")))
    assert offers.for_row("main", "s", 1, []).source == "inferred"


def test_what_was_cut_is_filled_in_from_calls() -> None:
    cut = (("properties", "edits", "items"), ("properties", "mode", "enum"))
    edit = defined("edit", "Edits.", cut, edits={"type": "array"}, mode=TEXT)
    book = seen(calling("edit", edits=[{"old": "a", "new": "b"}], mode="x", path="y"))
    found = Offers(taken(edit, offer(1, edit)), book).for_row("main", "s", 1, ["edit"])
    assert found.source == "mixed"
    assert found.schemas[0]["function"] == {
        "name": "edit",
        "description": "Edits.",
        "parameters": {
            "properties": {
                "edits": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "properties": {"new": TEXT, "old": TEXT},
                        "required": ["new", "old"],
                    },
                },
                "mode": TEXT,
            },
            "type": "object",
        },
    }


def test_where_the_rest_of_many_was_cut_the_calls_show_some() -> None:
    many = defined("send", "", (("properties",),), to={"type": "string", "description": "Whom."})
    book = seen(calling("send", to="x", what="y"))
    (tool,) = Offers(taken(many, offer(1, many)), book).for_row("main", "s", 1, []).schemas
    assert tool["function"]["parameters"]["properties"] == {
        "to": {"type": "string", "description": "Whom."},
        "what": TEXT,
    }


@pytest.mark.parametrize("cut", [("anyOf", "0", "enum"), ("properties", "gone", "items"), ("x",)])
def test_what_no_call_shows_stays_open(cut: tuple[str, ...]) -> None:
    tool = ToolDefinition.of("main", "t", "", {"anyOf": [{}], "type": "object"}, (cut,))
    offers = Offers(taken(tool, offer(1, tool)), seen(calling("t", a=1)))
    found = offers.for_row("main", "s", 1, [])
    assert found.source == "trajectory"
    assert found.schemas[0]["function"]["parameters"] == tool.parameters


def test_more_lists_and_sessions_than_are_kept_ready_make_no_difference() -> None:
    count = MOST + 5
    tools = [defined(f"t{n}") for n in range(count)]
    records = [offer(1, tool, session=f"s{n}") for n, tool in enumerate(tools)]
    offers = Offers(taken(*tools, *records), ToolBook())
    for _ in range(2):
        for n in range(count):
            assert names(offers.for_row("main", f"s{n}", 1, [])) == [f"t{n}"]


def test_by_agent_all_that_was_offered_last_or_called() -> None:
    book = seen(calling("calendar", day="x"), calling("read", path="x"))
    book.see("gw", [calling("send")])
    found = Offers(taken(READ, offer(1, READ)), book).of_agents()
    assert {agent: [each["function"]["name"] for each in tools] for agent, tools in found.items()} \
        == {"gw": ["send"], "main": ["read", "calendar"]}  # fmt: skip
