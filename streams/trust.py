"""Which judges count: a language model only once it has shown that it can tell junk from good.

A judge that has not passed judges all the same, so that its answers are there, paid for once,
when it has; but no panel counts it. A panel with fewer judges left than its quorum is made up of
the built-in signals judges meanwhile, so that a new line has verdicts from its first turn on.
Both make other editions of the panel: when a judge has passed, the panel's next edition is joined
from the judgements that are on the topic already.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from schemas.settings import SIGNALS, Judge, ModelJudge, Panel, Settings

if TYPE_CHECKING:
    from agents.judges.calibration.result import Result


@dataclass(frozen=True, slots=True)
class Seat:
    """A judge's place on a panel, and why it does not count, or counts all the same."""

    panel: str
    counts: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Standing:
    """A judge and its seats."""

    name: str
    kind: str
    model: str
    url: str
    seats: tuple[Seat, ...]


class Unreadable(Exception):
    """A calibration on record can't be read. One line that says which."""


def trusted(settings: Settings) -> Settings:
    """Return the settings with panels of only those judges that count.

    Raises:
        Unreadable: so it can't be told who they are.
    """
    refused = _refused(settings)
    if not any(refused.values()):
        return settings
    panels = tuple(_seated(panel, refused[panel.name]) for panel in settings.all_panels)
    names = {judge.name for judge in settings.judges}
    stand_in = any(panel.judges == STAND_INS for panel in panels)
    added = tuple(judge for judge in SIGNALS if stand_in and judge.name not in names)
    return settings.model_copy(update={"judges": (*settings.judges, *added), "panels": panels})


def with_stand_ins(settings: Settings) -> Settings:
    """Return the settings with the built-in judges among the others, whether they sit or not.

    For a worker: what its supervisor began with stays there to be worked on when a calibration
    has changed who sits meanwhile.
    """
    names = {judge.name for judge in settings.judges}
    added = tuple(judge for judge in SIGNALS if judge.name not in names)
    return settings.model_copy(
        update={"judges": (*settings.judges, *added), "panels": settings.all_panels}
    )


def notices(settings: Settings) -> list[str]:
    """Return what an owner is to know about judges that do not count, or were forced; one line
    each. `settings` as they were before `trusted`."""
    lines = []
    refused = _refused(settings)
    for panel in settings.all_panels:
        why = refused[panel.name]
        for name in panel.judges:
            if name in why and name in panel.force:
                lines.append(f"panel {panel.name} counts {name} because it is forced: {why[name]}")
            elif name in why:
                lines.append(f"panel {panel.name} does not count {name}: {why[name]}")
        left = _left(panel, why)
        if len(left) < panel.quorum:
            lines.append(
                f"panel {panel.name} needs {panel.quorum} judges that count and has {len(left)}: "
                "signals judges make its verdicts meanwhile. All judge, and nothing is asked "
                "twice: once they have passed (clawback judges calibrate), start this again"
            )
    return lines


def standing(settings: Settings) -> list[Standing]:
    """Return every judge with its seats; `settings` as they were before `trusted`."""
    refused = _refused(settings)
    found = []
    for judge in settings.judges:
        seats = []
        for panel in settings.all_panels:
            if judge.name in panel.judges:
                why = refused[panel.name].get(judge.name, "")
                forced = bool(why) and judge.name in panel.force
                seats.append(
                    Seat(panel.name, not why or forced, f"forced; {why}" if forced else why)
                )
        url = judge.url if isinstance(judge, ModelJudge) else ""
        found.append(Standing(judge.name, judge.kind, _model(judge), url, tuple(seats)))
    return found


STAND_INS = tuple(judge.name for judge in SIGNALS)


def _seated(panel: Panel, why: Mapping[str, str]) -> Panel:
    left = _left(panel, why)
    if len(left) >= panel.quorum:
        return panel.model_copy(update={"judges": left})
    return panel.model_copy(update={"judges": STAND_INS, "quorum": len(STAND_INS) // 2 + 1})


def _left(panel: Panel, why: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(name for name in panel.judges if name not in why or name in panel.force)


def _refused(settings: Settings) -> dict[str, dict[str, str]]:
    """Return by panel the judges that have not passed, with the reason; forced ones too."""
    panels = settings.all_panels
    models = [judge for judge in settings.judges if isinstance(judge, ModelJudge)]
    if not models or not settings.calibration.required:
        return {panel.name: {} for panel in panels}
    # The line without language models has no use for what this imports.
    from agents.judges.calibration.answers import Identity
    from agents.judges.calibration.gate import check_panel

    results = _results(settings)
    known = [Identity(judge=j.name, model=j.model, rubric=j.rubric) for j in models]
    names = {judge.name for judge in models}
    found = {}
    for panel in panels:
        refusals = check_panel(panel, known, results, panel.force)
        found[panel.name] = {each.judge: each.reason for each in refusals if each.judge in names}
    return found


def _results(settings: Settings) -> Iterable[Result]:
    from agents.judges.calibration.store import CorruptResult, load_results

    try:
        return load_results(settings.paths.home / "calibration" / "results")
    except CorruptResult as error:
        raise Unreadable(f"{error}; move it away") from None


def _model(judge: Judge) -> str:
    return judge.model if isinstance(judge, ModelJudge) else f"signals/{judge.strict_on}"
