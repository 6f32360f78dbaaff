"""What started a turn: a person, or one of the messages that OpenClaw writes itself."""

from __future__ import annotations

import re
from typing import Final

from schemas.turn import Trigger

_CRON = re.compile(r"\[cron:([^\s\]]+)(?: [^\n]*?)?\] ")
_CLOCK = re.compile(
    r"\n+Current time: (?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day, [^\n]*\d{4}-\d{2}-\d{2} "
    r"\d{2}:\d{2} UTC(?=\n|$)"
)
_CRON_HINT = re.compile(
    r"\n\n(?:Return your (?:summary|response) as plain text; it will be delivered automatically\."
    r"|Use the message tool if you need to notify the user directly)[^\n]*$"
)
_SUBAGENT_CONTEXT = "[Subagent Context] "
_SUBAGENT_TASK = "\n\n[Subagent Task]: "
_BARE_TASK = "[Subagent Task]: "
_RUNTIME = ("OpenClaw runtime context (internal):\n", "<<<BEGIN_OPENCLAW_INTERNAL_CONTEXT>>>")
_INTER_SESSION = re.compile(r"\[Inter-session message\][^\n]*\n")
_HEARTBEAT = "Read HEARTBEAT.md if it exists"
_HEARTBEAT_POLL = "[OpenClaw heartbeat poll]"
_NOTICES: Final[tuple[tuple[re.Pattern[str], Trigger], ...]] = (
    (re.compile(r"A new session was started via /new or /reset\. "), "system"),
    (re.compile(r"Pre-compaction memory flush\. (?:Store|Capture) "), "system"),
    (re.compile(r"An async command you ran earlier has completed\. The result is "), "system"),
    (re.compile(r"A scheduled reminder has been triggered\. The reminder content is:"), "cron"),
)


def settle(text: str, kind: str, source_tool: str, events: bool) -> tuple[str, Trigger]:
    """Return the request in `text`, which has no envelope any more, and what started the turn.

    `kind` and `source_tool` are the message's provenance. `events`: runtime events stood before
    the text; where nothing but events stands, the runtime started the turn.
    """
    if kind == "inter_session" or source_tool:
        text = _INTER_SESSION.sub("", text, count=1)
        announced = source_tool == "subagent_announce" or text.startswith(_RUNTIME)
        return text, "announce" if announced else "inter_session"
    if text.startswith("["):
        found = _bracketed(text)
        if found is not None:
            return found
    if text.startswith(_RUNTIME):
        return text, "announce"
    if text.startswith(_HEARTBEAT) and "HEARTBEAT_OK" in text:
        return text, "heartbeat"
    for pattern, trigger in _NOTICES:
        if pattern.match(text):
            return _CLOCK.sub("", text), trigger
    if events and not text.strip():
        return "", "system"
    return text, "user"


def _bracketed(text: str) -> tuple[str, Trigger] | None:
    if match := _CRON.match(text):
        task = _CRON_HINT.sub("", text[match.end() :])
        clocks = list(_CLOCK.finditer(task))
        if clocks and clocks[-1].end() == len(task):
            task = task[: clocks[-1].start()]
        return task, "cron"
    if text.startswith(_SUBAGENT_CONTEXT):
        _, marker, task = text.partition(_SUBAGENT_TASK)
        return task if marker else text[len(_SUBAGENT_CONTEXT) :], "subagent"
    if text.startswith(_BARE_TASK):
        return text[len(_BARE_TASK) :], "subagent"
    if match := _INTER_SESSION.match(text):
        return text[match.end() :], "inter_session"
    if text.strip() == _HEARTBEAT_POLL:
        return text, "heartbeat"
    return None
