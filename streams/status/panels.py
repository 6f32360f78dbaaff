"""What a panel's stage says of its judges' agreement, for `clawback status`."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class PanelState:
    """A panel over its last `turns` verdicts. `at_ms` is in epoch milliseconds.

    `alpha` is Krippendorff's ordinal alpha of all judges, `pairs` the quadratic-weighted kappa of
    each two as (judge, judge, kappa); None where nobody can tell yet. `offsets` is how many points
    each judge lies above the median of the others, `moved` which way that has gone for good:
    "up" or "down", for judges that have drifted only.
    """

    panel: str
    at_ms: int
    turns: int = 0
    alpha: float | None = None
    pairs: list[tuple[str, str, float | None]] = field(default_factory=list)
    offsets: dict[str, float | None] = field(default_factory=dict)
    moved: dict[str, str] = field(default_factory=dict)


def write_panel(home: Path, worker: str, state: PanelState) -> None:
    """Replace what a worker said before.

    Raises:
        OSError: the home can't be written.
    """
    path = _folder(home) / f"{worker}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(asdict(state)), encoding="utf-8")
    os.replace(temporary, path)


def read_panels(home: Path, labels: frozenset[str]) -> list[PanelState]:
    """Return what was said last of the panels of these editions; what can't be read is left out."""
    found = []
    for path in sorted(_folder(home).glob("*.json")):
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
            values["pairs"] = [(a, b, kappa) for a, b, kappa in values["pairs"]]
            state = PanelState(**values)
        except (OSError, ValueError, TypeError, KeyError):
            continue
        if state.panel in labels:
            found.append(state)
    return found


def _folder(home: Path) -> Path:
    return home / "run" / "panels"
