"""The stages by name."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from importlib import import_module
from typing import Protocol, cast

from agents.ensemble.edition import edition
from schemas.settings import Settings
from streams.broker import Broker

_MODULES = {
    "tail": "tail",
    "extract": "extract",
    "prefilter": "prefilter",
    "judge": "judge",
    "ensemble": "ensemble",
    "turnfiles": "sinks",
    "pairs": "sinks",
    "train": "train",
}


class Running(Protocol):
    """What a worker needs of a stage."""

    name: str
    failed: asyncio.Future[None]
    """Done, with the reason, when the stage can't go on."""

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
    names = stage_names(settings)
    if find_stage(name, names) is None:
        raise UnknownStageError(f"there is no stage {name!r}; there are: {', '.join(names)}")
    # A worker loads the libraries of its own stages only: they are most of its memory.
    module = import_module(f"streams.stages.{_MODULES[name.partition('.')[0]]}")
    return cast(Running, module.make(name, settings, broker))


def stage_names(settings: Settings) -> tuple[str, ...]:
    """Return the name of every stage, upstream first."""
    return (
        "tail",
        "extract",
        "prefilter",
        *(f"judge.{judge.name}" for judge in settings.judges),
        *ensemble_names(settings),
        "turnfiles",
        "pairs",
        *(("train",) if settings.train.enabled else ()),
    )


def ensemble_names(settings: Settings) -> tuple[str, ...]:
    """Return the name of each panel's stage, with the panel's present edition."""
    return tuple(
        f"ensemble.{edition(panel, settings.judges).label}" for panel in settings.all_panels
    )


def find_stage(name: str, names: Iterable[str]) -> str | None:
    """Return the stage that `name` means. An edition need not be told, and one that has been
    replaced since means the present one: a process outlives a change of the settings."""
    bare = name.partition("@")[0]
    return next((each for each in names if name == each or bare == each.partition("@")[0]), None)
