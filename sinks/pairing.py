"""Which turns of one request make pairs, and of what a pair consists.

All of this is a function of the scored turns of the request, never of the order in which they or
their verdicts came.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from schemas.identity import digest
from schemas.pair import PreferencePair, Side, pair_id
from schemas.turn import Decision, Turn
from sinks.chat import Said, messages_of, prompt_of

STRATEGY: Final = "same_request"

TRIGGERS: Final = frozenset({"user", "cron"})
"""What may start a turn of a pair: a person, or a task a person wrote. OpenClaw's own texts are
alike by the thousand without asking for the same."""

SIDES = 8
"""The best and the worst turns of a request that are looked at; the others are passed over."""

STANDS_ALONE_BYTES = 10
"""A shorter request ("yes", "try again") means something else in each conversation: it pairs only
where the conversations before it are equal."""

NOT_CHOSEN = frozenset({"error", "aborted", "length"})
NOT_REJECTED = frozenset({"error", "aborted"})
"""Stop reasons of messages that a model did not bring to their end. One that ran into the length
limit is the model's own fault, and may be rejected."""


class Candidate(NamedTuple):
    """A scored turn that could be a side."""

    turn_id: str
    overall: float
    started_ms: int


def request_digest(agent: str, trigger: str, request: str) -> str:
    """Return what is equal for turns that were asked the same: by the same agent's user or task,
    in the same words, whatever their case and spacing."""
    return digest("request", agent, trigger, normalised(request))


def normalised(request: str) -> str:
    """Return the request in one case, with single spaces."""
    return " ".join(request.casefold().split())


def select(
    chosen: Sequence[Candidate],
    rejected: Sequence[Candidate],
    load: Callable[[str], Turn],
    panel: str,
    limit: int,
) -> list[PreferencePair]:
    """Return at most `limit` pairs of one request.

    A turn that is not yet in a pair goes before one that is, then the larger margin. What a
    selected pair says is not said twice, and its reverse (the same decision once chosen, once
    rejected) not at all.

    Args:
        chosen: good turns, best first.
        rejected: bad turns, worst first.
        load: reads a turn by its id; called only for turns that are tried.
        panel: whose scores these are.
        limit: most pairs.
    """
    open_pairs = [(good, bad) for good in chosen for bad in rejected if good[0] != bad[0]]
    used: Counter[str] = Counter()
    said: set[tuple[str, str]] = set()
    turns: dict[str, tuple[Turn, list[Said]]] = {}
    pairs: list[PreferencePair] = []
    while open_pairs and len(pairs) < limit:
        good, bad = min(open_pairs, key=lambda pair: _order(pair, used))
        open_pairs.remove((good, bad))
        for side in (good, bad):
            if side.turn_id not in turns:
                turn = load(side.turn_id)
                turns[side.turn_id] = (turn, messages_of(turn))
        better, better_said = turns[good.turn_id]
        worse, worse_said = turns[bad.turn_id]
        if not comparable(better, worse):
            continue
        index = first_difference(better_said, worse_said)
        if index is None:
            continue
        contents = (better_said[index].content, worse_said[index].content)
        if contents in said or contents[::-1] in said:
            continue
        said.add(contents)
        used.update((good.turn_id, bad.turn_id))
        pairs.append(_pair(good, bad, better, better_said, worse, worse_said, index, panel))
    return pairs


def comparable(better: Turn, worse: Turn) -> bool:
    """Say whether two turns with the same words were asked the same."""
    if better.context == worse.context:
        return True
    return len(normalised(better.request).encode()) >= STANDS_ALONE_BYTES


def first_difference(better: Sequence[Said], worse: Sequence[Said]) -> int | None:
    """Return the index of the first decision that differs while all before it, results
    included, is equal; None if there is none, or no model can learn from it."""
    for index, (good, bad) in enumerate(zip(better, worse, strict=False)):
        if good.whole and bad.whole and good.content == bad.content:
            continue
        if good.decision is None or bad.decision is None or not (good.whole and bad.whole):
            return None
        if good.decision.stop_reason in NOT_CHOSEN or bad.decision.stop_reason in NOT_REJECTED:
            return None
        return index
    return None


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


def _pair(
    good: Candidate,
    bad: Candidate,
    better: Turn,
    better_said: Sequence[Said],
    worse: Turn,
    worse_said: Sequence[Said],
    index: int,
    panel: str,
) -> PreferencePair:
    number = sum(1 for said in better_said[: index + 1] if isinstance(said.decision, Decision))
    evidence = f"same request, decision {number} differs"
    if better.context != worse.context:
        evidence += "; contexts differ, the prompt has the chosen turn's"
    return PreferencePair(
        id=pair_id(good.turn_id, bad.turn_id, STRATEGY),
        strategy=STRATEGY,
        evidence=evidence,
        panel=panel,
        prompt=(*prompt_of(better), *(said.message for said in better_said[:index])),
        chosen=Side(
            turn_id=good.turn_id, messages=(better_said[index].message,), overall=good.overall
        ),
        rejected=Side(
            turn_id=bad.turn_id, messages=(worse_said[index].message,), overall=bad.overall
        ),
        margin=round(good.overall - bad.overall, 6),
    )
