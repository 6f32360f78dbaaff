"""Having decisions made anew by another model, and judged by the panel before use.

Each turn without a partner is asked about once for each side, model and panel: what was made of it,
and what the panel said, is a record on `generations`, a failure too. The panel is here its language
models alone: the built-in judges go by results and the user's next words, which a proposal has not.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from dataclasses import dataclass

from agents.deciding import Decided, Decider, proposal
from agents.ensemble.decide import decide
from agents.judges import Judge
from schemas.generation import GeneratedSide, Generation, generation_id
from schemas.pair import ChatMessage
from schemas.settings import ModelJudge, Panel, Settings
from schemas.settings.regenerate import Sides
from schemas.table import Table
from schemas.topics import GENERATIONS
from schemas.turn import Turn
from sinks.bulk import Bulk, Paired, given_of, kind_of, record_of
from sinks.dataset.offers import Offers
from sinks.dataset.tools import ToolBook
from sinks.sides import Kind
from sinks.strategies.unpaired import Unpaired, unpaired
from streams.flow import Outgoing, Publisher


@dataclass(frozen=True, slots=True)
class Task:
    """A decision to be made anew: its turn, the example it makes alone, and the side sought."""

    turn: Turn
    own: Unpaired
    side: GeneratedSide


class NoPanel(Exception):
    """Nobody could judge what is made. One line that says what to do."""


def panel_of(settings: Settings) -> tuple[Panel, tuple[ModelJudge, ...]]:
    """Return the panel that feeds the sinks with its language models alone, and those.

    Args:
        settings: with the judges that count (`streams.trust`).

    Raises:
        NoPanel: it has none.
    """
    panel = next(panel for panel in settings.all_panels if panel.name == settings.sinks.panel)
    judges = tuple(
        judge
        for judge in settings.judges
        if judge.name in panel.judges and isinstance(judge, ModelJudge)
    )
    if not judges:
        raise NoPanel(
            f"no language model counts on panel {panel.name}, and the built-in judges can't judge "
            "what was never run; see: clawback judges list"
        )
    names = tuple(judge.name for judge in judges)
    quorum = min(panel.quorum, len(names))
    return panel.model_copy(update={"judges": names, "quorum": quorum, "force": ()}), judges


def tasks(
    bulk: Bulk, paired: Paired, settings: Settings, model: str, sides: Sides
) -> Iterator[Task]:
    """Yield the decisions of turns that stand in no pair and that a model was not asked about yet:
    all bad ones before any good one.

    Args:
        bulk: all records.
        paired: all pairs.
        settings: the thresholds.
        model: who would be asked.
        sides: which sides are sought.
    """
    taken = {side.turn_id for pair in paired.pairs() for side in (pair.chosen, pair.rejected)}
    yield from _tasks(bulk, settings, model, "chosen", taken)
    if sides == "both":
        yield from _tasks(bulk, settings, model, "rejected", taken)


def _tasks(
    bulk: Bulk, settings: Settings, model: str, side: GeneratedSide, taken: Set[str]
) -> Iterator[Task]:
    own: Kind = "rejected" if side == "chosen" else "chosen"
    asked = (side, model, bulk.panel)
    for turn, body in bulk.turns():
        if turn.overall is None or turn.turn_id in taken:
            continue
        if kind_of(turn.overall, settings.pairs) != own:
            continue
        if any((each.side, each.model, each.panel) == asked for each in turn.generated()):
            continue
        whole = given_of(turn.overall, body).scored()
        example = unpaired(whole, good=own == "chosen")
        if example is not None:
            yield Task(whole.turn, example, side)


def known_tools(bulk: Bulk, table: Table) -> Offers:
    """Return the tools of all agents, as they were offered or as their turns called them.

    Args:
        bulk: all records.
        table: holds what models were offered (`sinks.offered`).
    """
    tools = ToolBook()
    for _, body in bulk.turns():
        turn = Turn.from_bytes(record_of(body))
        if tools.wants(turn.agent, (call.name for call in turn.calls)):
            calls = [
                {"function": {"name": call.name, "arguments": call.arguments}}
                for call in turn.calls
            ]
            tools.see(turn.agent, [{"tool_calls": calls}])
    return Offers(table, tools)


async def regenerate(
    given: Iterable[Task],
    decider: Decider,
    judges: Sequence[Judge],
    panel: Panel,
    label: str,
    offers: Offers,
    publisher: Publisher,
    done: Callable[[Generation], None],
) -> None:
    """Have decisions made and judged, one after the other, and publish each as it is there.

    Args:
        given: what to ask about.
        decider: who is asked.
        judges: who judges.
        panel: their rule.
        label: the panel's label, by which its word counts.
        offers: the tools of each turn.
        publisher: where the records go.
        done: called for each.

    Raises:
        JudgeUnavailable: a machine is down; what is there by then stays, and the next time goes on.
        BrokerError: the broker is not there.
    """
    for task in given:
        turn = task.turn
        called = (call.name for call in turn.calls)
        tools = offers.for_row(turn.agent, turn.session, turn.started_ms, called)
        decided = await decider.decide(task.own.prompt, tools.schemas)
        made = await _judged(task, decided, decider.model, judges, panel, label)
        key = task.turn.id.encode()
        await publisher.publish([Outgoing(GENERATIONS, key, made.to_bytes())])
        done(made)


async def _judged(
    task: Task,
    decided: Decided,
    model: str,
    judges: Sequence[Judge],
    panel: Panel,
    label: str,
) -> Generation:
    number, message = task.own.decision, decided.message
    if message is None:
        return _generation(task, model, None, label).model_copy(update={"reason": decided.reason})
    turn = proposal(task.turn, number, message, model, task.side)
    said = await asyncio.gather(*(judge.judge(turn) for judge in judges))
    verdict = decide(panel, {judgement.id: judgement for judgement in said}, closed=True)
    assert verdict is not None
    counts = verdict.status == "scored" and verdict.scores is not None
    return _generation(task, model, message, label).model_copy(
        update={
            "overall": verdict.scores.overall if counts and verdict.scores else None,
            "reason": "" if counts else verdict.status,
            "opinions": verdict.opinions,
        }
    )


def _generation(task: Task, model: str, message: ChatMessage | None, label: str) -> Generation:
    turn_id, number, side = task.turn.id, task.own.decision, task.side
    return Generation(
        id=generation_id(turn_id, number, model, message, side),
        turn_id=turn_id,
        side=side,
        decision=number,
        model=model,
        message=message,
        panel=label,
    )
