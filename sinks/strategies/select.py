"""Which turns of a group make pairs, and at which decision.

All of this is a function of the scored turns of the group, never of the order in which they or
their verdicts came.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, partial
from typing import NamedTuple

from schemas.pair import PreferencePair, Strategy
from schemas.settings import Pairs
from schemas.turn import Turn
from sinks.chat import Said
from sinks.example import Scored, calls_in, pair, side, teachable
from sinks.likeness import nearly_identical
from sinks.strategies import branch, neighbour, same_request
from sinks.strategies.asked import Asked

SIDES = 8
"""The best and the worst turns of a group that are looked at; the others are passed over."""


class Candidate(NamedTuple):
    """A scored turn that could be a side."""

    turn_id: str
    overall: float
    started_ms: int


class Grouping(NamedTuple):
    """A way in which a strategy puts turns in groups and pairs within them: what a group's turns
    have in common, and what then speaks for pairing two of them.

    `noted` says that a turn's group stands beside its record; where it does not, it is computed
    from the record whenever the strategy asks.
    """

    name: str
    strategy: Strategy
    key: Callable[[Asked], str]
    evidence: Callable[[Turn, Turn, Pairs], str | None]
    noted: bool = True


GROUPINGS = (
    Grouping("branch", "branch", branch.key, branch.evidence),
    Grouping("same_request", "same_request", same_request.key, same_request.evidence),
    *(
        Grouping(
            f"neighbour/{band}",
            "neighbour",
            partial(neighbour.key, band),
            partial(neighbour.evidence, band),
            noted=False,
        )
        for band in range(neighbour.BANDS)
    ),
)


def group_of(grouping: Grouping, noted: Mapping[str, str], record: Callable[[], bytes]) -> str:
    """Return a turn's group, or an empty string if it has none.

    Args:
        grouping: which of its groups.
        noted: its groups by name, as far as they are noted; nothing for a turn that can be no side.
        record: reads its record.
    """
    if grouping.noted or not noted:
        return noted.get(grouping.name, "")
    return grouping.key(_asked(record()))


@lru_cache(maxsize=1)
def _asked(record: bytes) -> Asked:
    # One turn is asked for all its groups, one after the other.
    return Asked.model_validate_json(record)


def select(
    grouping: Grouping,
    chosen: Sequence[Candidate],
    rejected: Sequence[Candidate],
    load: Callable[[Candidate], Scored],
    panel: str,
    rules: Pairs,
) -> list[PreferencePair]:
    """Return the pairs of one group, at most `rules.per_prompt`.

    A turn that is not yet in a pair goes before one that is, then the larger margin. What a
    selected pair says is not said twice, and its reverse (the same decision once chosen, once
    rejected) not at all.

    Args:
        grouping: in which way.
        chosen: good turns, best first.
        rejected: bad turns, worst first.
        load: reads a turn; called only for turns that are tried.
        panel: whose scores these are.
        rules: how far apart two sides have to be, and how many pairs are made.
    """
    open_pairs = [
        (good, bad)
        for good in chosen
        for bad in rejected
        if good.turn_id != bad.turn_id and good.overall - bad.overall >= rules.min_margin
    ]
    used: Counter[str] = Counter()
    said: set[tuple[str, str]] = set()
    turns: dict[str, Scored] = {}
    pairs: list[PreferencePair] = []
    while open_pairs and len(pairs) < rules.per_prompt:
        good, bad = min(open_pairs, key=lambda pair: _order(pair, used))
        open_pairs.remove((good, bad))
        if max(used[good.turn_id], used[bad.turn_id]) >= rules.per_side:
            continue
        for each in (good, bad):
            if each.turn_id not in turns:
                turns[each.turn_id] = load(each)
        better, worse = turns[good.turn_id], turns[bad.turn_id]
        evidence = grouping.evidence(better.turn, worse.turn, rules)
        index = None if evidence is None else departure(better, worse)
        if index is None:
            continue
        contents = (better.said[index].content, worse.said[index].content)
        if contents in said or contents[::-1] in said:
            continue
        said.add(contents)
        used.update((good.turn_id, bad.turn_id))
        prompt = better.prompt(index)
        before = calls_in(prompt)
        pairs.append(
            pair(
                grouping.strategy,
                f"{evidence}; decision {better.number(index)} differs{_fault(worse)}",
                panel,
                better,
                prompt,
                side(better, index, good.overall, before),
                side(worse, index, bad.overall, before),
            )
        )
    return pairs


def departure(better: Scored, worse: Scored) -> int | None:
    """Return the index of the first decision that differs while all before it, results included,
    is equal.

    None if there is none, if no model can learn from it, if both say nearly the same there, or if
    the bad turn's fault lies in what both have done.
    """
    index = first_difference(better.said, worse.said)
    if index is None:
        return None
    fault = worse.fault
    if fault is not None and fault.evidence and fault.index < index:
        return None
    if nearly_identical(better.said[index].message, worse.said[index].message):
        return None
    return index


def first_difference(better: Sequence[Said], worse: Sequence[Said]) -> int | None:
    """Return the index of the first decision that differs after equal messages, if a model can
    learn from it."""
    for index, (good, bad) in enumerate(zip(better, worse, strict=False)):
        if good.whole and bad.whole and good.content == bad.content:
            continue
        usable = teachable(good, chosen=True) and teachable(bad, chosen=False)
        return index if usable else None
    return None


def _fault(worse: Scored) -> str:
    fault = worse.fault
    if fault is None or not fault.evidence:
        return ""
    return f"; in the bad turn, at decision {fault.number}, {fault.evidence}"


def _order(
    pair: tuple[Candidate, Candidate], used: Counter[str]
) -> tuple[int, int, float, int, str, int, str]:
    good, bad = pair
    uses = (used[good.turn_id], used[bad.turn_id])
    return (
        max(uses),
        sum(uses),
        bad.overall - good.overall,
        good.started_ms,
        good.turn_id,
        bad.started_ms,
        bad.turn_id,
    )
