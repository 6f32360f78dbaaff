"""Which of the user's own turns are good enough to be called good."""

from __future__ import annotations

from agents.judges.signals.evidence import collect
from schemas.reaction import Reaction
from schemas.turn import Turn

ANSWER_CHARS = 12
"""A shorter answer says too little for a judge to call it good."""


def why_not_clean(turn: Turn, reaction: Reaction | None = None) -> str:
    """Return why a turn cannot stand for good work, or nothing where it can.

    A clean turn was asked for by a person, used tools, every tool answered without an error, it
    ended with an answer, and the user did not object to it afterwards. That is what can be known
    without a judge: a clean turn may still be mediocre, which costs every judge under calibration
    the same.
    """
    if turn.trigger != "user":
        return f"nobody asked for it ({turn.trigger})"
    if turn.copied:
        return "a copy of another session's turn"
    if not turn.calls:
        return "no tool was used"
    evidence = collect(turn, reaction)
    heard = evidence.heard
    checks = (
        (evidence.failed > 0, "a tool failed"),
        (evidence.unknown > 0, "a tool does not exist"),
        (evidence.unanswered > 0, "a tool never answered"),
        (evidence.wasted > 0, "a call was repeated for nothing"),
        (bool(evidence.ending), "it did not end with an answer"),
        (len(turn.answer.strip()) < ANSWER_CHARS, "it has next to no answer"),
        (heard is not None and heard.correction, "the user objected"),
        (heard is not None and heard.repeated, "the user asked again"),
    )
    return next((reason for holds, reason in checks if holds), "")
