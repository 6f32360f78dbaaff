"""The stages by name."""

from __future__ import annotations

import asyncio
from typing import Protocol

from agents.ensemble import Ensemble
from agents.judges.signals import SignalsJudge
from schemas.settings import Panel, Settings
from schemas.settings import SignalsJudge as SignalsSettings
from schemas.topics import CANDIDATES, ENTRIES, JUDGEMENTS, TURNS
from sinks import PairsSink, TurnFiles
from streams.batch import BatchStage
from streams.broker import Broker
from streams.handlers import (
    EnsembleHandler,
    ExtractHandler,
    PrefilterHandler,
    SignalsHandler,
    SinkHandler,
)
from streams.tailing import TailStage


class Running(Protocol):
    """What a worker needs of a stage."""

    name: str
    failed: asyncio.Future[None]

    async def start(self) -> None:
        """Begin."""

    async def stop(self) -> None:
        """Finish what can be finished at once, and end."""


class UnknownStageError(Exception):
    """There is no stage of that name. The message names those there are."""


def make_stage(name: str, settings: Settings, broker: Broker) -> Running:
    """Return the stage of that name, not yet started.

    Raises:
        UnknownStageError: the settings have no such stage.
    """
    kind, _, which = name.partition(".")
    if name == "tail":
        return TailStage(settings, broker)
    if name == "extract":
        return BatchStage(name, (ENTRIES,), "extract 1", ExtractHandler(settings), settings, broker)
    if name == "prefilter":
        return BatchStage(
            name, (TURNS,), "prefilter 1", PrefilterHandler(settings), settings, broker
        )
    if name == "turnfiles":
        return _sink(name, _turn_files(settings), settings, broker)
    if name == "pairs":
        return _sink(name, _pairs(settings), settings, broker)
    if kind == "judge":
        for judge in settings.judges:
            if judge.name == which:
                if isinstance(judge, SignalsSettings):
                    handler = SignalsHandler(SignalsJudge(judge))
                    return BatchStage(name, (CANDIDATES,), "signals 1", handler, settings, broker)
                # Only who asks a server has a use for an HTTP client in memory.
                from agents.judges.factory import make_judge

                from streams.judging import JudgeStage

                return JudgeStage(make_judge(judge), settings, broker)
    if kind == "ensemble":
        for panel in settings.all_panels:
            if panel.name == which:
                return _ensemble(name, panel, settings, broker)
    raise UnknownStageError(
        f"there is no stage {name!r}; the settings have: {', '.join(stage_names(settings))}"
    )


def stage_names(settings: Settings) -> tuple[str, ...]:
    """Return the name of every stage, upstream first."""
    return (
        "tail",
        "extract",
        "prefilter",
        *(f"judge.{judge.name}" for judge in settings.judges),
        *(f"ensemble.{panel.name}" for panel in settings.all_panels),
        "turnfiles",
        "pairs",
    )


def _ensemble(name: str, panel: Panel, settings: Settings, broker: Broker) -> BatchStage:
    # Another set of judges keeps other judgements in its windows.
    version = f"ensemble 1 {' '.join(sorted(panel.judges))}"
    handler = EnsembleHandler(Ensemble(panel))
    return BatchStage(name, (JUDGEMENTS,), version, handler, settings, broker)


def _sink(name: str, sink: TurnFiles | PairsSink, settings: Settings, broker: Broker) -> BatchStage:
    return BatchStage(
        name, sink.topics, f"{name} 1", SinkHandler(sink), settings, broker, scope="worker"
    )


def _turn_files(settings: Settings) -> TurnFiles:
    sinks = settings.sinks
    return TurnFiles(settings.paths.output, sinks.panel, sinks.timezone, sinks.flush)


def _pairs(settings: Settings) -> PairsSink:
    return PairsSink(
        settings.paths.output, settings.sinks.panel, settings.pairs, settings.sinks.flush
    )
