"""The rules, each a function of a turn and its own settings.

A rule returns what it saw (a sentence with the numbers that decided) or None if the turn may pass.
Only `agents.prefilter.duplicates` needs to remember anything and stands apart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from agents.canonical import canonical
from schemas.settings import Prefilter, Rule, ShortRule, TriggerRule
from schemas.turn import ToolResult, Turn

Decide = Callable[[Turn], str | None]


def rules(settings: Prefilter) -> Iterator[tuple[str, Decide]]:
    """Yield the name and the function of every rule that is on, cheapest first."""
    if settings.trigger.enabled:
        yield "trigger", lambda turn: trigger(turn, settings.trigger)
    if settings.aborted.enabled:
        yield "aborted", lambda turn: aborted(turn, settings.aborted)
    if settings.empty_calls.enabled:
        yield "empty_calls", lambda turn: empty_calls(turn, settings.empty_calls)
    if settings.short.enabled:
        yield "short", lambda turn: short(turn, settings.short)


def trigger(turn: Turn, rule: TriggerRule) -> str | None:
    """Drop what a person did not ask for, such as heartbeats."""
    if turn.trigger in rule.triggers:
        return f"started by {turn.trigger}"
    return None


def aborted(turn: Turn, rule: Rule) -> str | None:  # noqa: ARG001
    """Drop a turn whose last generation was aborted: what it would have become is unknown.

    A turn that went on after an aborted generation passes.
    """
    reason = turn.stop_reason
    if not reason and turn.decisions:
        reason = turn.decisions[-1].stop_reason
    if reason == "aborted":
        return f"aborted after {_count(len(turn.calls), 'tool call')}"
    return None


def empty_calls(turn: Turn, rule: Rule) -> str | None:  # noqa: ARG001
    """Drop a turn whose every call has no arguments and got no result.

    An orphan result keeps the turn: OpenClaw strips a call of an unknown tool, so that the result
    is all that tells of the model's mistake, and that is something to judge.
    """
    results = turn.results
    if any(result.orphan for result in results):
        return None
    answered = {result.call_id for result in results if _says_something(result)}
    calls = turn.calls
    if any(call.id in answered or _has_content(call.arguments) for call in calls):
        return None
    if not calls:
        return "no tool call and no result"
    return f"{_count(len(calls), 'tool call')} without arguments and without a result"


def short(turn: Turn, rule: ShortRule) -> str | None:
    """Drop a turn with fewer than `min_chars` characters of request, calls and answer together.

    A call counts as its name and its arguments as compact JSON. An image says more than text can
    be counted, so a request with one passes.
    """
    if turn.images:
        return None
    seen = len(turn.request.strip()) + len(turn.answer.strip())
    if seen >= rule.min_chars:
        return None
    seen += sum(len(call.name) + len(canonical(call.arguments)) for call in turn.calls)
    if seen >= rule.min_chars:
        return None
    return f"{_count(seen, 'character')} of request, calls and answer, fewer than {rule.min_chars}"


def _says_something(result: ToolResult) -> bool:
    if result.synthetic:
        return False
    return bool(result.text.strip() or result.images or result.is_error)


def _has_content(value: Any) -> bool:
    """Whether there is anything but nulls, blanks and empty containers in `value`."""
    if isinstance(value, dict):
        return any(_has_content(item) for item in value.values())
    if isinstance(value, list):
        return any(_has_content(item) for item in value)
    if isinstance(value, str):
        return bool(value.strip())
    return value is not None


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
