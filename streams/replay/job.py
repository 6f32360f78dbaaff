"""A replay that can be stopped and taken up again: what was asked for, kept in a file.

How far it has come is not kept: the judgements topic has that.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from streams.replay.select import Selection, selection

State = Literal["paused", "done"]
"""A replay that runs, or whose process was killed, is `paused` to all others: it can be resumed."""


class NoSuchJob(Exception):
    """There is no replay to resume. The message names those there are."""


@dataclass(slots=True)
class Job:
    """One replay. `label` is the panel with its edition; `ends` are the candidates it is about (by
    partition, the offset behind the last one); `calls` is how many it had to make at first."""

    id: str
    panel: str
    label: str
    ends: dict[int, int]
    selection: dict[str, Any]
    calls: int
    created_ms: int
    state: State = "paused"

    def select(self) -> Selection:
        """Return the turns it is about."""
        chosen = self.selection
        return selection(
            chosen["since_ms"], chosen["until_ms"], chosen["sessions"], chosen["where"]
        )

    def save(self, home: Path) -> None:
        """Write it in one step.

        Raises:
            OSError: the home can't be written.
        """
        path = jobs_path(home) / f"{self.id}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(".tmp")
        temporary.write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")
        os.replace(temporary, path)


def jobs_path(home: Path) -> Path:
    """Return where replays are kept."""
    return home / "replay"


def new_job(
    home: Path,
    panel: str,
    label: str,
    ends: Mapping[int, int],
    chosen: Selection,
    calls: int,
    now_ms: int,
) -> Job:
    """Return a job under a name that no other has: the panel and the minute."""
    stem = f"{panel}-{datetime.fromtimestamp(now_ms / 1000):%Y%m%d-%H%M}"
    taken = {path.stem for path in jobs_path(home).glob("*.json")}
    names = (stem if number == 1 else f"{stem}-{number}" for number in range(1, len(taken) + 2))
    name = next(name for name in names if name not in taken)
    return Job(name, panel, label, dict(ends), chosen.to_json(), calls, now_ms)


def jobs(home: Path) -> list[Job]:
    """Return all replays, the oldest first; files that are none are passed over."""
    found = []
    for path in jobs_path(home).glob("*.json"):
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
            values["ends"] = {int(number): end for number, end in values["ends"].items()}
            found.append(Job(**values))
        except (ValueError, TypeError, KeyError, AttributeError):
            continue
    return sorted(found, key=lambda job: (job.created_ms, job.id))


def find_job(home: Path, name: str) -> Job:
    """Return the paused job of this name, or the latest one for ``latest``.

    Raises:
        NoSuchJob: there is none.
    """
    paused = [job for job in jobs(home) if job.state == "paused"]
    for job in reversed(paused):
        if name in ("latest", job.id):
            return job
    there = ", ".join(job.id for job in paused)
    raise NoSuchJob(
        f"no replay {name!r} is paused; there are: {there}" if there else "no replay is paused"
    )
