"""Prompts of the owner's that a model must go on answering rightly."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from schemas.pair import ChatMessage
from trainer.gate.calls import ParsedAnswer


class ExpectedCall(BaseModel):
    """A call that an answer must hold: a tool, and some of its arguments with their values."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    arguments: dict[str, Any] = Field(default_factory=dict)


def _several(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


def _call(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


def _conversation(value: Any) -> Any:
    return [{"role": "user", "content": value}] if isinstance(value, str) else value


Texts = Annotated[tuple[str, ...], BeforeValidator(_several)]


class MustPass(BaseModel):
    """One line of the file: a prompt, and what an answer to it must or must not hold.

    `prompt` is a user's words or a whole conversation in the chat format. `contains` and
    `not_contains` are looked for in the answer's words, whatever the case; `matches` are regular
    expressions (`re.search`). `calls` is a tool that must be called; `no_calls` allows none.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = ""
    prompt: Annotated[tuple[ChatMessage, ...], BeforeValidator(_conversation)] = Field(min_length=1)
    tools: tuple[dict[str, Any], ...] = ()
    contains: Texts = ()
    not_contains: Texts = ()
    matches: Texts = ()
    calls: Annotated[ExpectedCall | None, BeforeValidator(_call)] = None
    no_calls: bool = False

    @model_validator(mode="after")
    def _can_fail(self) -> MustPass:
        if not (self.contains or self.not_contains or self.matches or self.calls or self.no_calls):
            raise ValueError(
                "it asks for nothing: contains, not_contains, matches, calls, no_calls"
            )
        if self.calls and self.no_calls:
            raise ValueError("calls and no_calls at once")
        for pattern in self.matches:
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError(
                    f"matches: {pattern!r} is no regular expression: {error}"
                ) from None
        return self


def read_must_pass(path: Path) -> tuple[MustPass, ...]:
    """Return the cases of a JSONL file; empty lines are passed over.

    A case without a name is called after its line.

    Raises:
        ValueError: one line that says which line can't be used, or that there is no such file.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"train.gate.must_pass: {path} can't be read: {error}") from None
    cases: dict[str, MustPass] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            case = MustPass.model_validate_json(line)
        except ValidationError as error:
            first = error.errors()[0]
            at = ".".join(str(part) for part in first["loc"])
            what = f"{at}: {first['msg']}" if at else first["msg"]
            raise ValueError(f"{path}, line {number}: {what}") from None
        name = case.name or f"line {number}"
        if name in cases:
            raise ValueError(f"{path}, line {number}: a second case is called {name!r}")
        cases[name] = case.model_copy(update={"name": name})
    return tuple(cases.values())


def failures(case: MustPass, answer: ParsedAnswer) -> tuple[str, ...]:
    """Return what an answer lacks, a phrase each; nothing where it passes."""
    words = answer.content.casefold()
    found = [f"does not say {text!r}" for text in case.contains if text.casefold() not in words]
    found += [f"says {text!r}" for text in case.not_contains if text.casefold() in words]
    found += [
        f"does not match {pattern!r}"
        for pattern in case.matches
        if re.search(pattern, answer.content) is None
    ]
    if case.no_calls and (answer.calls or answer.broken):
        names = ", ".join(call.name for call in answer.calls) or "something unreadable"
        found.append(f"calls {names}")
    if case.calls and not any(
        _fits(case.calls, call.name, call.arguments) for call in answer.calls
    ):
        names = ", ".join(call.name for call in answer.calls) or "nothing"
        found.append(f"does not call {_shown(case.calls)} but {names}")
    return tuple(found)


def _fits(expected: ExpectedCall, name: str, arguments: Mapping[str, Any]) -> bool:
    return name == expected.name and all(
        key in arguments and arguments[key] == value for key, value in expected.arguments.items()
    )


def _shown(expected: ExpectedCall) -> str:
    shown: Sequence[str] = [f"{key}={value!r}" for key, value in expected.arguments.items()]
    return f"{expected.name}({', '.join(shown)})" if shown else expected.name
