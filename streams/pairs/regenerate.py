"""Having bad decisions made anew by another model, and judged by the panel before use.

Each bad turn without a partner is asked about once for each model and panel: what was made of it,
and what the panel said, is a record on `generations`, a failure too. The panel is here its language
models alone: the built-in judges go by results and the user's next words, which a proposal has not.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from agents.deciding import Decided, Decider, proposal
from agents.ensemble.decide import decide
from agents.judges import Judge
from schemas.generation import Generation, generation_id
from schemas.pair import ChatMessage, PreferencePair
from schemas.settings import ModelJudge, Panel, Settings
from schemas.topics import GENERATIONS
from schemas.turn import Turn
from sinks import known
from sinks.bulk import kind_of, scored
from sinks.dataset.offers import Offers
from sinks.dataset.tools import ToolBook
from sinks.example import Given
from sinks.joined import joined
from sinks.kept import PAIR
from sinks.strategies.unpaired import Unpaired, unpaired
from streams.flow import Outgoing, Publisher
from streams.pairs.gather import Scratch


@dataclass(frozen=True, slots=True)
class Task:
    """A bad decision: its turn, the example it makes alone, the score of its turn."""

    turn: Turn
    bad: Unpaired


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


def tasks(read: Scratch, label: str, settings: Settings, model: str) -> Iterator[Task]:
    """Yield the bad decisions that stand in no pair and that a model was not asked about yet.

    Args:
        read: holds all records and all pairs.
        label: whose scores count.
        settings: the thresholds.
        model: who would be asked.
    """
    paired: set[str] = set()
    for _, value in read.table.scan(PAIR):
        pair = PreferencePair.from_bytes(value)
        paired.update((pair.chosen.turn_id, pair.rejected.turn_id))
    for turn_id, stored, (turn,) in joined(read.table, known.SCORE, known.TURN):
        score = scored(stored, label)
        if score is None or score.overall is None or turn is None or turn_id in paired:
            continue
        record = known.read_record(turn)
        if not record or kind_of(score.overall, settings.pairs) != "rejected":
            continue
        made = known.generations_of(turn_id, read.table)
        if any((each.model, each.panel) == (model, label) for each in made):
            continue
        whole = Given(score.overall, score.rationales, record).scored()
        bad = unpaired(whole, good=False)
        if bad is not None:
            yield Task(whole.turn, bad)


def known_tools(read: Scratch) -> Offers:
    """Return the tools of all agents, as they were offered or as their turns called them."""
    tools = ToolBook()
    for _, stored in read.table.scan(known.TURN):
        record = known.read_record(stored)
        if record:
            turn = Turn.from_bytes(record)
            if tools.wants(turn.agent, (call.name for call in turn.calls)):
                calls = [
                    {"function": {"name": call.name, "arguments": call.arguments}}
                    for call in turn.calls
                ]
                tools.see(turn.agent, [{"tool_calls": calls}])
    return Offers(read.table, tools)


async def regenerate(
    given: Sequence[Task],
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
        decided = await decider.decide(task.bad.prompt, tools.schemas)
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
    number, message = task.bad.decision, decided.message
    if message is None:
        return _generation(task, model, None, label).model_copy(update={"reason": decided.reason})
    turn = proposal(task.turn, number, message, model)
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
    turn_id, number = task.turn.id, task.bad.decision
    return Generation(
        id=generation_id(turn_id, number, model, message),
        turn_id=turn_id,
        decision=number,
        model=model,
        message=message,
        panel=label,
    )
