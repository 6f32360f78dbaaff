"""Tool calls in what a model wrote: whether they parse, name a known tool, and fit it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from jsonschema import Draft202012Validator, ValidationError
from jsonschema.exceptions import SchemaError, best_match

from schemas.record import Part

OPEN: Final = "<tool_call>"
CLOSE: Final = "</tool_call>"

_CALL = re.compile(rf"{OPEN}(.*?)(?:{CLOSE}|(?={OPEN}))", re.DOTALL)


class Call(Part):
    """A call as the model wrote it."""

    name: str
    arguments: dict[str, Any]


class ParsedAnswer(Part):
    """What a model wrote: its words, its calls, and calls that can't be read, with the reason.

    `cut` says that the limit of tokens fell into a call, which then counts neither way.
    """

    content: str = ""
    calls: tuple[Call, ...] = ()
    broken: tuple[str, ...] = ()
    cut: bool = False


def parse_answer(text: str, *, finished: bool = True) -> ParsedAnswer:
    """Return words and calls of an answer in the format of Qwen2.5 (that of Hermes).

    Each call is a JSON object with `name` and `arguments` between `<tool_call>` and
    `</tool_call>`. Nothing is repaired: what runs the model would not do so either.

    Args:
        text: what was generated, without the tokens that end a message.
        finished: whether the model came to an end by itself.
    """
    calls: list[Call] = []
    broken: list[str] = []
    for match in _CALL.finditer(text):
        call = read_call(match[1]) if match[0].endswith(CLOSE) else "the call is not closed"
        if isinstance(call, Call):
            calls.append(call)
        else:
            broken.append(call)
    rest = _CALL.sub("", text)
    words, opened, _ = rest.partition(OPEN)
    if opened and finished:
        broken.append("the call is not closed")
    elif not opened and CLOSE in words:
        broken.append("a call is closed that was not opened")
    return ParsedAnswer(
        content=words.strip(),
        calls=tuple(calls),
        broken=tuple(broken),
        cut=bool(opened) and not finished,
    )


def read_call(text: str) -> Call | str:
    """Return a call from its JSON, or what is wrong with it."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        return f"no JSON: {error}"
    return as_call(value)


def as_call(value: Any) -> Call | str:
    """Return a call from its object, or what is wrong with it."""
    if not isinstance(value, dict):
        return f"no JSON object but {type(value).__name__}"
    name, arguments = value.get("name"), value.get("arguments", {})
    if not isinstance(name, str) or not name:
        return "no name of a tool"
    if not isinstance(arguments, dict):
        return f"arguments are no object but {type(arguments).__name__}"
    return Call(name=name, arguments=arguments)


def fault(call: Call, tools: Sequence[Mapping[str, Any]]) -> str:
    """Return what is wrong with a call beside the tools there are; "" where it fits.

    Args:
        call: the call.
        tools: in the chat format; `parameters` is a JSON schema (draft 2020-12).
    """
    parameters = {
        function["name"]: function.get("parameters") or {}
        for tool in tools
        if isinstance(function := tool.get("function"), Mapping) and "name" in function
    }
    if call.name not in parameters:
        return f"there is no tool {call.name!r}"
    schema = parameters[call.name]
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError:
        return ""  # Nothing can be said against arguments of a schema that is none.
    error: ValidationError | None = best_match(
        Draft202012Validator(schema).iter_errors(call.arguments)
    )
    if error is None:
        return ""
    at = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error.path)
    return f"{call.name}{at}: {error.message[:200]}"
