"""Which decision of a bad turn was the bad one.

In this order: a call that failed and was not made good, a call repeated to no new effect, a call
that failed, the one decision that the judges' words single out. Else it can't be told, and the
first decision after the user's message stands for the turn.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from schemas.turn import ToolResult
from sinks.chat import Said
from sinks.failures import failure

_ORDINALS: Final = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth")
_NUMBERED = re.compile(
    r"\b(?:(?P<ordinal>" + "|".join(_ORDINALS) + r")\s+(?:tool\s+)?(?P<what>call|step|decision)"
    r"|(?P<kind>call|step|decision)\s+(?:no\.?\s*|#)?(?P<number>\d{1,3}))\b"
)
_WORD = re.compile(r"[\w.-]+")


@dataclass(frozen=True, slots=True)
class Blame:
    """The decision to blame: its index among the messages of the turn, its number among the
    decisions (from 1), and what tells; `evidence` is empty where nothing does."""

    index: int
    number: int
    evidence: str


@dataclass(slots=True)
class Call:
    """A call with its answer, if it got one. `number` counts the turn's calls from 1."""

    index: int
    decision: int
    number: int
    name: str
    arguments: dict[str, Any]
    result: ToolResult | None
    answer: str

    @property
    def failure(self) -> str:
        """How it failed, or an empty string."""
        return failure(self.result, self.arguments) if self.result else ""


def blame(said: Sequence[Said], rationales: Sequence[str] = ()) -> Blame | None:
    """Return the decision to blame; None if the turn has none.

    Args:
        said: the turn's messages.
        rationales: what the judges wrote about the turn.
    """
    decisions = [index for index, each in enumerate(said) if each.decision is not None]
    if not decisions:
        return None
    made = list(calls(said))
    told = _unrecovered(made) or _repeated(made) or _failed(made) or _by_judges(made, rationales)
    if told is None:
        return Blame(decisions[0], 1, "")
    decision, evidence = told
    return Blame(decisions[decision - 1], decision, evidence)


def calls(said: Sequence[Said]) -> Iterator[Call]:
    """Yield the turn's calls in order."""
    answers = {
        each.message.tool_call_id: each for each in said if each.message.tool_call_id is not None
    }
    number = decision = 0
    for index, each in enumerate(said):
        if each.decision is None:
            continue
        decision += 1
        for call in each.message.tool_calls or ():
            number += 1
            answer = answers.get(call["id"])
            function = call["function"]
            yield Call(
                index,
                decision,
                number,
                function["name"],
                function["arguments"],
                answer.result if answer else None,
                answer.message.content if answer else "",
            )


def _unrecovered(made: Sequence[Call]) -> tuple[int, str] | None:
    for at, call in enumerate(made):
        if call.failure and not any(
            later.name == call.name and later.result and not later.failure
            for later in made[at + 1 :]
        ):
            return call.decision, f"{call.name} failed ({call.failure}) and was not made good"
    return None


def _repeated(made: Sequence[Call]) -> tuple[int, str] | None:
    # Arguments are only looked at where answers are equal, which they seldom are.
    before: dict[tuple[str, str], list[Call]] = {}
    for call in made:
        alike = before.setdefault((call.name, call.answer), [])
        if call.result is not None and any(_same_arguments(call, each) for each in alike):
            return call.decision, f"{call.name} was called again to the same effect"
        alike.append(call)
    return None


def _same_arguments(one: Call, other: Call) -> bool:
    # JSON tells 1 from true and from 1.0, where Python's == does not.
    texts = (json.dumps(call.arguments, sort_keys=True) for call in (one, other))
    return next(texts) == next(texts)


def _failed(made: Sequence[Call]) -> tuple[int, str] | None:
    for call in made:
        if call.failure:
            return call.decision, f"{call.name} failed ({call.failure})"
    return None


def _by_judges(made: Sequence[Call], rationales: Sequence[str]) -> tuple[int, str] | None:
    """Find the one decision the judges speak of; where they name several, none is told."""
    of_call = {call.number: call.decision for call in made}
    decisions = set(of_call.values())
    if len(decisions) < 2:
        return None
    numbered: set[int] = set()
    for text in rationales:
        # In lower case twice as fast as a pattern that takes either.
        for found in _NUMBERED.finditer(text.lower()):
            kind = found["what"] or found["kind"]
            ordinal = found["ordinal"]
            number = _ORDINALS.index(ordinal) + 1 if ordinal else int(found["number"])
            named = of_call.get(number) if kind == "call" else number
            if named in decisions:
                numbered.add(named)
    if len(numbered) == 1:
        return numbered.pop(), "the judges name it"
    by_tool: set[int] = set()
    for name in _named({call.name for call in made}, rationales):
        by_tool |= {call.decision for call in made if call.name == name}
    if len(by_tool) == 1:
        return by_tool.pop(), "the judges name its tool"
    return None


def _named(names: Collection[str], texts: Sequence[str]) -> set[str]:
    """Return those of some names that stand in texts as words of their own."""
    # Most texts hold none, which is soon told.
    holding = [text for text in texts if any(name in text for name in names)]
    return {word for text in holding for word in _WORD.findall(text)}.intersection(names)
