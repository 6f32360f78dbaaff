"""Durations as people write them in a settings file: `250ms`, `90s`, `10m`, `6h`, `7d`."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_DURATION = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(ms|s|m|h|d|w)\s*")


def seconds(value: Any) -> Any:
    """Return `value` in seconds; a bare number already is.

    Raises:
        ValueError: text that is no number with a unit.
    """
    if not isinstance(value, str):
        return value
    match = _DURATION.fullmatch(value)
    if match is None:
        raise ValueError(f"{value!r} is no duration; write a number and a unit, such as 90s or 7d")
    return float(match[1]) * _UNITS[match[2]]


Seconds = Annotated[float, BeforeValidator(seconds)]
"""A duration in seconds, written as a number or with a unit."""
