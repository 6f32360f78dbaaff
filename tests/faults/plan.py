"""A random plan of what happens when, made from a seed so that it can be had again."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass

from tests.faults.actions import (
    Action,
    Kill,
    KillBroker,
    KillSupervisor,
    Pause,
    PowerCut,
    Restart,
    Resume,
)
from tests.faults.line import Line
from tests.faults.writing import Sessions

DATA_SEEDS = 4
"""So many different worlds are written; each one's undisturbed outcome is known once."""

TABLES = ("extract", "prefilter", "judge.signals-errors", "turnfiles", "pairs")
LATE = 40
"""Steps that are counted on after everything has been written."""


@dataclass(frozen=True, slots=True)
class Event:
    """An action, done when so many steps of writing have been."""

    at: int
    action: Action

    def __str__(self) -> str:
        return f"{self.at:>4}  {self.action}"


@dataclass(frozen=True, slots=True)
class Plan:
    """One run: its data, its layout, its faults, and how fast is written (seconds a step)."""

    seed: int
    data: int
    alone: bool
    pace: float
    events: tuple[Event, ...]

    def __str__(self) -> str:
        layout = "a process for each stage" if self.alone else "processes as `clawback run` has"
        head = f"seed {self.seed}: sessions {self.data}, {layout}, {self.pace * 1000:.0f} ms a step"
        return "\n".join([head, *map(str, self.events)])


def make(seed: int, names: Sequence[str], steps: int, *, alone: bool, nodes: int = 0) -> Plan:
    """Return the plan of a seed.

    Args:
        seed: of all chance.
        names: the processes there are.
        steps: how many steps of writing there are.
        alone: whether each stage has a process of its own.
        nodes: how many nodes of Kafka may be killed, too.
    """
    dice = random.Random(f"chaos {seed}")
    events: list[Event] = []
    for _ in range(dice.randrange(3, 10)):
        at = dice.randrange(steps + LATE)
        kind = dice.random()
        if kind < 0.5:
            count = dice.choice((1, 1, 1, 2, 3))
            events.append(Event(at, Kill(tuple(sorted(dice.sample(names, count))))))
        elif kind < 0.7:
            name = dice.choice(names)
            events.append(Event(at, Pause(name)))
            events.append(Event(at + dice.randrange(10, 120), Resume(name)))
        elif kind < 0.8:
            events.append(Event(at, KillSupervisor(dice.choice((0.0, 0.0, 0.5, 2.0)))))
        elif kind < 0.88:
            events.append(Event(at, Restart()))
        else:
            lost = dice.sample(TABLES, dice.randrange(3))
            events.append(Event(at, PowerCut(tuple(sorted(lost)))))
    for _ in range(dice.randrange(3) if nodes else 0):
        events.append(Event(dice.randrange(steps), KillBroker(dice.randrange(nodes) + 1)))
    events.sort(key=lambda event: event.at)
    return Plan(seed, seed % DATA_SEEDS, alone, dice.choice((0.004, 0.01, 0.02)), tuple(events))


def carry_out(plan: Plan, sessions: Sessions, line: Line) -> None:
    """Write the sessions while the plan happens to the running line."""
    events = list(plan.events)
    last = max((event.at for event in events), default=0)
    for at in range(max(len(sessions.steps), last + 1)):
        while events and events[0].at <= at:
            events.pop(0).action.do(line)
        if at < len(sessions.steps):
            sessions.steps[at].do(line.sessions)
        time.sleep(plan.pace)
    line.resume()
