"""Whether a tool call failed, as a pair's evidence has it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from schemas.turn import ToolResult

FAILED_STATUSES: Final = frozenset({"error", "failed", "forbidden", "timeout", "denied"})

_ONE_IS_AN_ANSWER = re.compile(r"\b(?:[efz]?grep|rg|diff|cmp|test|pgrep|which)\b|\[ ")
"""Programs whose exit code 1 says "no match" or "differs". Wherever one of them stands in the
command, exit code 1 is no evidence: a missed pair is better than a wrong one."""


def failure(result: ToolResult, arguments: Mapping[str, Any]) -> str:
    """Return how a call failed in a few words, or an empty string if it is not known to have."""
    if result.synthetic:
        return "never answered"
    if result.exit_code == 1 and not result.is_error:
        command = arguments.get("command")
        if isinstance(command, str) and _ONE_IS_AN_ANSWER.search(command):
            return ""
    if result.exit_code:
        return f"exit {result.exit_code}"
    if result.is_error:
        return "error"
    status = result.status.casefold()
    return status if status in FAILED_STATUSES else ""
