"""What `clawback`'s exit codes mean. Scripts may rely on them."""

from __future__ import annotations

from typing import Final

OK: Final = 0
"""Done."""

FAILED: Final = 1
"""What was asked could not be done; the message says why."""

USAGE: Final = 2
"""The command line or the settings are wrong."""

NOT_RUNNING: Final = 3
"""`status`: no `clawback run` is at work on this home."""

UNHEALTHY: Final = 4
"""`status`, `doctor`, `run --until-idle`: something does not work, and says what."""

BUSY: Final = 5
"""`run`: another `clawback run` holds this home."""

INTERRUPTED: Final = 130
"""Stopped by Ctrl-C before it was done; for `run`, by a second Ctrl-C while it was draining."""
