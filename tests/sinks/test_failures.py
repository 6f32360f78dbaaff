"""When a call is known to have failed."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.turn import ToolResult
from sinks.failures import failure


@pytest.mark.parametrize(
    ("result", "command", "said"),
    [
        ({}, "ls", ""),
        ({"exit_code": 0}, "ls", ""),
        ({"exit_code": 1}, "make", "exit 1"),
        ({"exit_code": 1}, "cat a | grep b", ""),
        ({"exit_code": 2}, "grep b", "exit 2"),
        ({"exit_code": 1, "is_error": True}, "grep b", "exit 1"),
        ({"is_error": True}, "ls", "error"),
        ({"status": "Timeout"}, "ls", "timeout"),
        ({"status": "completed"}, "ls", ""),
        ({"synthetic": True}, "ls", "never answered"),
    ],
)
def test_what_counts_as_failed(result: dict[str, Any], command: str, said: str) -> None:
    made = ToolResult(call_id="c", name="exec", **result)
    assert failure(made, {"command": command}) == said
