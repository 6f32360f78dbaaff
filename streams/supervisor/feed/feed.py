"""The feed itself: follows the topics and prints their lines."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

import orjson

from streams.supervisor.feed.follow import Arrived
from streams.supervisor.feed.lines import (
    Brief,
    Style,
    brief,
    deadletter_line,
    more_line,
    pair_line,
    run_line,
    verdict_line,
)

# As `schemas.topics` has them, whose package brings pydantic with it.
TURNS, VERDICTS, PAIRS, TRAINING = "turns", "verdicts", "pairs", "training"
DEADLETTERS = "deadletters"

SHOWN = (TURNS, VERDICTS, PAIRS, TRAINING, DEADLETTERS)
REMEMBERED = 10_000
"""Turns whose words are kept for the verdicts to come, about 400 bytes each."""

AT_ONCE = 25
"""Verdicts shown of one batch; a backlog would scroll faster than anyone reads."""


class Feed:
    """Turns arrived records into lines for `out`."""

    def __init__(self, prefix: str, style: Style, out: Callable[[str], None]) -> None:
        self._cut = len(prefix) + 1
        self._style = style
        self._out = out
        self._turns: OrderedDict[str, Brief] = OrderedDict()
        self._panels: set[str] = set()
        self._runs: dict[str, tuple[str, str]] = {}

    def take(self, batch: Sequence[Arrived]) -> None:
        """Print the lines of a batch."""
        verdicts: list[dict[str, Any]] = []
        for topic, record in batch:
            if record.value is None:
                continue
            value = orjson.loads(record.value)
            bare = topic[self._cut :]
            if bare == TURNS:
                self._remember(value)
            elif bare == VERDICTS:
                verdicts.append(value)
            elif bare == PAIRS:
                self._out(pair_line(value, self._style))
            elif bare == TRAINING:
                self._show_run(value)
            elif bare == DEADLETTERS and not value.get("resolved"):
                self._out(deadletter_line(value, self._style))
        self._show(verdicts)

    def _remember(self, turn: dict[str, Any]) -> None:
        self._turns[turn["id"]] = brief(turn)
        if len(self._turns) > REMEMBERED:
            self._turns.popitem(last=False)

    def _show_run(self, run: dict[str, Any]) -> None:
        """Print what has changed of a training run; how far it is stands in the status."""
        if "state" not in run:
            return
        change = (run["state"], run.get("reason", ""))
        if self._runs.get(run["id"]) != change:
            self._runs[run["id"]] = change
            self._out(run_line(run, self._style))

    def _show(self, verdicts: list[dict[str, Any]]) -> None:
        self._panels.update(verdict.get("panel", "") for verdict in verdicts)
        several = len(self._panels) > 1
        for verdict in verdicts[:AT_ONCE]:
            turn = self._turns.get(verdict.get("turn_id", ""))
            self._out(verdict_line(verdict, turn, self._style, panels=several))
        if len(verdicts) > AT_ONCE:
            self._out(more_line(len(verdicts) - AT_ONCE, self._style))
