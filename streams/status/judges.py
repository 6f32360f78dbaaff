"""What the stage of a language model says of itself, for `clawback status`."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class JudgeState:
    """One judge's worker. Times are epoch milliseconds.

    `asking` turns are with the model, `waiting` ones wait for the user's reaction. `paused` is what
    its machine said when it was last found down, empty while it works. The counts are of all that
    this worker's table knows of: answers with scores, abstentions by reason, tokens, and the
    seconds the model took. `per_second` is the rate of the last answers.
    """

    judge: str
    model: str
    concurrency: int
    at_ms: int
    asking: int = 0
    waiting: int = 0
    paused: str = ""
    paused_since_ms: int | None = None
    scored: int = 0
    abstained: dict[str, int] = field(default_factory=dict)
    tokens_in: int = 0
    tokens_out: int = 0
    seconds: float = 0.0
    per_second: float = 0.0


def write_judge(home: Path, worker: str, state: JudgeState) -> None:
    """Replace what a worker said before.

    Raises:
        OSError: the home can't be written.
    """
    path = _folder(home) / f"{worker}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(asdict(state)), encoding="utf-8")
    os.replace(temporary, path)


def read_judges(home: Path, names: frozenset[str]) -> list[JudgeState]:
    """Return what the workers of these judges said last, by file name; what can't be read is left
    out."""
    found = []
    for path in sorted(_folder(home).glob("*.json")):
        try:
            state = JudgeState(**json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            continue
        if state.judge in names:
            found.append(state)
    return found


def _folder(home: Path) -> Path:
    return home / "run" / "judges"
