"""What of a request must not differ."""

from __future__ import annotations

import pytest

from sinks.strategies.arguments import arguments


@pytest.mark.parametrize(
    ("request_", "found"),
    [
        ("Book the flight to Rome, please.", ["rome"]),
        ("wake me at 7:30 on 2026-11-22", ["7:30", "2026-11-22"]),
        ("turn it down by 5%, or 2.5", ["5%", "2.5"]),
        (
            "call it \"My Trip\" and play 'So What'",
            ["my trip", "so what", "my", "trip", "so", "what"],
        ),
        ("what's in Tom's mail? It's late", ["tom's"]),
        ("open ~/notes/todo.md, then mail ada@example.org", ["~/notes/todo.md", "ada@example.org"]),
        ("look at https://example.org/a?b", ["https://example.org/a?b"]),
        ("run it with --force on my iPhone", ["--force", "iphone"]),
        ("do not delete it, don’t ask", ["not", "don't"]),
        ("nur lesen, ohne zu löschen", ["nur", "ohne"]),
        ("I think I'd like it. Then stop.\nThank you", []),
        ("please read the mail. then: tell me!", []),
    ],
)
def test_arguments_stand_in_their_order_without_case(request_: str, found: list[str]) -> None:
    assert list(arguments(request_)) == found
