"""What a check says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["ok", "warning", "problem"]
"""`warning`: the line runs, but not all of it as one may think. `problem`: it does not run."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: what was looked at, what there is, and what to do about it."""

    level: Level
    subject: str
    message: str
    advice: str = ""
