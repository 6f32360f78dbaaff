"""What a model was offered, out of events as OpenClaw 2026.7.35 wrote them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from agents.offers import Offered, OfferedTool, UnusableEvent, is_offer, offered

FIXTURES = Path(__file__).parents[2] / "fixtures/trajectories"
AT = "2026-11-22T18:00:00.123Z"
DEEP = {"truncated": True, "reason": "trajectory-depth-limit", "limitDepth": 6}


def event(*tools: Any, **other: Any) -> dict[str, Any]:
    return {"type": "context.compiled", "ts": AT, "data": {"tools": list(tools)}} | other


def tool(parameters: Any, **other: Any) -> dict[str, Any]:
    return {"name": "exec", "description": "Runs.", "parameters": parameters} | other


def only(parameters: dict[str, Any]) -> OfferedTool:
    found = offered(event(tool(parameters)))
    assert found is not None
    return found.tools[0]


@pytest.fixture(scope="module")
def real() -> list[Offered]:
    lines = (FIXTURES / "s-tools-1.trajectory.jsonl").read_bytes().splitlines()
    found = [offered(orjson.loads(line)) for line in lines if is_offer(line)]
    return [each for each in found if each is not None]


def test_each_run_offers_once(real: list[Offered]) -> None:
    first, second = real
    assert first.at_ms < second.at_ms
    added = {each.name for each in second.tools} - {each.name for each in first.tools}
    assert added == {"agents_list"}


def test_what_is_not_cut_is_what_the_model_was_sent(real: list[Offered]) -> None:
    sent = {
        each["function"]["name"]: each["function"]
        for each in orjson.loads((FIXTURES / "s-tools-1.sent.json").read_bytes())
    }
    tools = real[-1].tools
    assert [each.name for each in tools] == sorted(sent)
    whole = [each for each in tools if not each.cut]
    assert {each.name for each in whole} == {"agents_list", "apply_patch", "read", "write"}
    for each in whole:
        assert each.parameters == sent[each.name]["parameters"]
    for each in tools:
        assert each.description == sent[each.name]["description"]


def test_what_is_cut_only_makes_a_schema_looser(real: list[Offered]) -> None:
    sent = {
        each["function"]["name"]: each["function"]["parameters"]
        for each in orjson.loads((FIXTURES / "s-tools-1.sent.json").read_bytes())
    }
    cut = {each.name: each.cut for each in real[-1].tools if each.cut}
    assert cut == {
        "edit": (("properties", "edits", "items"),),
        "exec": (
            ("properties", "env", "patternProperties"),
            ("properties", "host", "enum"),
        ),
        "process": (("properties", "hex", "items"), ("properties", "keys", "items")),
        "web_fetch": (("properties", "extractMode", "enum"),),
    }
    for each in real[-1].tools:
        whole = sent[each.name]
        for *keys, last in each.cut:
            place = whole
            for key in keys:
                place = place[key]
            del place[last]
        assert each.parameters == whole


def test_keys_are_in_one_order_at_every_depth() -> None:
    made = only({"type": "object", "properties": {"b": {"type": "x", "enum": [2, 1]}, "a": {}}})
    assert orjson.dumps(made.parameters) == (
        b'{"properties":{"a":{},"b":{"enum":[2,1],"type":"x"}},"type":"object"}'
    )


def test_of_many_parameters_the_rest_may_be_anything() -> None:
    many = {f"p{n:02}": {"type": "string"} for n in range(64)}
    made = only(
        {
            "type": "object",
            "additionalProperties": False,
            "properties": many
            | {"_truncated": {"truncated": True, "reason": "trajectory-object-size-limit"}},
        }
    )
    assert made.parameters == {"type": "object", "properties": many}
    assert made.cut == (("additionalProperties",), ("properties",))


def test_a_list_with_a_mark_goes_as_a_whole() -> None:
    """An `enum` without some of its values would forbid them."""
    limit = {"truncated": True, "reason": "trajectory-array-size-limit"}
    made = only({"type": "object", "enum": [1, limit], "anyOf": [{"properties": DEEP}]})
    assert made.parameters == {"type": "object", "anyOf": [{}]}
    assert made.cut == (("anyOf", "0", "properties"), ("enum",))


def test_a_parameter_that_was_left_out_for_its_name_is_there_if_it_is_required() -> None:
    made = only({"properties": {"url": {"type": "string"}}, "required": ["apiKey", "url"]})
    assert made.parameters["properties"] == {"apiKey": {}, "url": {"type": "string"}}
    assert made.cut == (("properties", "apiKey"),)


def test_a_parameter_of_which_only_the_name_is_left_may_be_anything() -> None:
    made = only({"properties": {"jobId": "[Truncated]", "mode": {"type": "<truncated>"}}})
    assert made.parameters == {"properties": {"jobId": {}, "mode": {}}}
    assert made.cut == (("properties", "jobId"), ("properties", "mode", "type"))


def test_parameters_may_have_names_like_marks() -> None:
    schema = {"properties": {"reason": {"type": "string"}, "truncated": {"type": "boolean"}}}
    made = only(schema)
    assert (made.parameters, made.cut) == (schema, ())


def test_a_tool_of_which_nothing_is_known_is_left_out() -> None:
    found = offered(
        event(
            "[Truncated]",
            tool(DEEP),
            tool(None),
            tool({}, name=" ".strip()),
            {"truncated": True, "reason": "trajectory-array-size-limit"},
            tool({}, name="read", description="[Malformed diagnostic JSON redacted]"),
        )
    )
    assert found is not None
    assert found.tools == (OfferedTool("read", "", {}, ()),)


@pytest.mark.parametrize(
    "said",
    [
        event(type="prompt.submitted"),
        event(),
        event(data={"truncated": True, "reason": "trajectory-event-size-limit"}),
        event(data={"tools": DEEP}),
        event(data=None),
        {},
    ],
)
def test_most_events_offer_nothing(said: dict[str, Any]) -> None:
    assert offered(said) is None


@pytest.mark.parametrize("ts", [None, "", 17, "yesterday"])
def test_an_offer_has_a_time(ts: object) -> None:
    with pytest.raises(UnusableEvent, match="no time"):
        offered(event(tool({}), ts=ts))


def test_a_time_is_utc_where_it_says_nothing_else() -> None:
    found = [
        offered(event(tool({}), ts=ts))
        for ts in (AT, "2026-11-22T18:00:00.123", "2026-11-22T20:00:00.123+02:00")
    ]
    assert {each.at_ms for each in found if each is not None} == {1_795_370_400_123}
