"""Which stages share a process.

A process of its own costs about 70 MB. A stage gets one where it could hold others up or take them
down: the tailer, which faces the file system, and each language model's judge, which waits for a
server. What only computes shares one with its neighbours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from streams.lineup import ensemble_names
from streams.supervisor.plan import ProcessSpec

if TYPE_CHECKING:
    from schemas.settings import Settings


def layout(settings: Settings) -> tuple[ProcessSpec, ...]:
    """Return the processes of the whole line, upstream first."""
    signals = tuple(f"judge.{judge.name}" for judge in settings.judges if judge.kind == "signals")
    models = [f"judge.{judge.name}" for judge in settings.judges if judge.kind != "signals"]
    return (
        ProcessSpec("tail", ("tail",)),
        ProcessSpec("extract", ("extract", "prefilter")),
        *([ProcessSpec("signals", signals)] if signals else []),
        *(ProcessSpec(name, (name,)) for name in models),
        *(
            # Its stage goes by the panel's edition, too, as its consumer group does.
            ProcessSpec(stage.partition("@")[0], (stage,))
            for stage in ensemble_names(settings)
        ),
        ProcessSpec("sinks", ("turnfiles", "pairs")),
        # It drives processes that others must not take down, and be taken down by.
        *([ProcessSpec("train", ("train",))] if settings.train.enabled else []),
    )


def stages(settings: Settings) -> tuple[str, ...]:
    """Return the name of every stage, upstream first."""
    return tuple(stage for process in layout(settings) for stage in process.stages)


def stalled_after(settings: Settings) -> dict[str, float]:
    """Return for each stage how many seconds it may commit nothing while records wait for it.

    A language model may take minutes over one turn, is asked twice where its answer can't be
    read, and what stands behind a slow turn, or one that waits for its reaction, is committed only
    after it.
    """
    patience = dict.fromkeys(stages(settings), settings.run.stalled)
    for judge in settings.judges:
        if judge.kind != "signals":
            longest = max(settings.run.stalled, 3 * judge.timeout)
            patience[f"judge.{judge.name}"] = longest + judge.reaction_wait
    return patience
