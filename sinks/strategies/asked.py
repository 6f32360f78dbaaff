"""What of a turn tells which group it belongs to."""

from __future__ import annotations

from typing import Any

from schemas.reaction import Reaction
from schemas.turn import Trigger
from sinks.winner import TurnHead

TRIGGERS = frozenset({"user", "cron"})
"""What may start a turn of a pair: a person, or a task a person wrote. OpenClaw's own texts are
alike by the thousand without asking for the same."""

STANDS_ALONE_BYTES = 10
"""A shorter request ("yes", "try again") means something else in each conversation: it pairs only
where the conversations before it are equal."""


class Asked(TurnHead):
    """The fields of a turn that say what was asked, by whom and where."""

    trigger: Trigger = "user"
    request: str
    images: int = 0
    context: list[Any] = []
    continues: str | None = None
    reaction: Reaction | None = None

    @property
    def usable(self) -> bool:
        """Whether all that the model was asked is known: words alone, and the turn's beginning."""
        return bool(
            self.trigger in TRIGGERS
            and self.request.strip()
            and not self.images
            and not self.continues
        )


def normalised(request: str) -> str:
    """Return the request in one case, with single spaces."""
    return " ".join(request.casefold().split())
