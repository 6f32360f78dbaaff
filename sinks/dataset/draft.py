"""What is known of an example from its own record: pure functions, the same wherever they run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal, NamedTuple, get_args

from pydantic_core import from_json

from schemas.pair import Strategy
from schemas.settings import Pairs
from sinks.dataset.counts import decision_length
from sinks.dataset.near import asked_in
from sinks.dataset.rows import Row, pair_row, unpaired_row
from sinks.example import Scored
from sinks.strategies.unpaired import unpaired

DatasetKind = Literal["pairs", "unpaired"]

_RUNGS: Final = {name: rung for rung, name in enumerate(get_args(Strategy))}

_Calls = Iterable[Mapping[str, Any]] | None


class Draft(NamedTuple):
    """An example before it is compared with any other.

    `asked` is what its prompt asks, `agent` and `session` are those that the prompt is from, and
    `tools` the names of the tools that are called in it. `order`, by which pairs are chosen,
    `lengths` (of the sides, in characters), `sides` and `turn_ids` are those of a pair.
    """

    kind: DatasetKind
    row: Row
    asked: str
    agent: str
    session: str
    tools: tuple[str, ...]
    order: str = ""
    lengths: tuple[int, int] = (0, 0)
    too_long: bool = False
    sides: tuple[str, ...] = ()
    turn_ids: tuple[str, ...] = ()


def pair_draft(record: bytes, agent: str, rules: Pairs) -> Draft:
    """Return the draft of a pair.

    Args:
        record: the pair's.
        agent: whose it is.
        rules: the limits.
    """
    pair = from_json(record)
    row = pair_row(pair)
    sides = (pair["chosen"], pair["rejected"])
    lengths = decision_length(row["chosen"]), decision_length(row["rejected"])
    limit = rules.max_length_ratio * max(1, lengths[1])
    messages = [*pair["prompt"], *(message for side in sides for message in side["messages"])]
    margin = 0.0 if pair["margin"] is None else pair["margin"]
    rung = f"{0 if pair['reviewed'] else 1}{_RUNGS[pair['strategy']]}"
    return Draft(
        "pairs",
        row,
        asked_in([(each["role"], each["content"]) for each in pair["prompt"]]),
        agent,
        # The prompt is the chosen turn's, or else of the same session.
        sides[pair["reviewed"] == "swap"]["session"],
        _tools(message.get("tool_calls") for message in messages),
        order=f"{rung}/{20 - margin:06.3f}/{pair['id']}",
        lengths=lengths,
        too_long=bool(limit) and lengths[0] > limit,
        sides=tuple(f"side/{side['turn_id']}/{side['decision']}" for side in sides),
        turn_ids=tuple(side["turn_id"] for side in sides),
    )


def unpaired_draft(scored: Scored, *, good: bool) -> Draft | None:
    """Return the draft of a turn that stands in no pair; None if it has no decision to learn from.

    Args:
        scored: the turn.
        good: whether it is a good one.
    """
    found = unpaired(scored, good=good)
    if found is None:
        return None
    return Draft(
        "unpaired",
        unpaired_row(found),
        asked_in([(each.role, each.content) for each in found.prompt]),
        scored.turn.agent,
        scored.turn.session,
        _tools(message.tool_calls for message in (*found.prompt, found.completion)),
    )


def _tools(calls: Iterable[_Calls]) -> tuple[str, ...]:
    return tuple(sorted({call["function"]["name"] for each in calls for call in each or ()}))
