"""How the feed says things: pure functions from records to lines of text."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any

REQUEST_CHARS = 40
TOOLS_CHARS = 24

_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_COLOURS = {"red": "31", "green": "32", "yellow": "33", "cyan": "36", "dim": "2", "bold": "1"}


@dataclass(frozen=True, slots=True)
class Brief:
    """What the feed remembers of a turn."""

    agent: str
    session: str
    request: str
    tools: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class Style:
    """How lines are drawn: with colours on a terminal, plain elsewhere."""

    colour: bool = False
    zone: tzinfo | None = None

    def paint(self, text: str, colour: str) -> str:
        """Return `text` in a colour."""
        return f"\033[{_COLOURS[colour]}m{text}\033[0m" if self.colour else text

    def time(self, at_ms: int) -> str:
        """Return a time for people."""
        return datetime.fromtimestamp(at_ms / 1000, self.zone).strftime("%Y-%m-%d %H:%M:%S")


def brief(turn: Mapping[str, Any]) -> Brief:
    """Return what the feed needs of a `turns` record."""
    calls = [
        call.get("name", "?")
        for step in turn.get("steps", ())
        if step.get("role") == "assistant"
        for call in step.get("calls", ())
    ]
    counted = Counter(calls)
    tools = " ".join(name if n == 1 else f"{name}×{n}" for name, n in counted.items())
    return Brief(
        agent=str(turn.get("agent", "")),
        session=str(turn.get("session", "")),
        request=shorten(str(turn.get("request") or turn.get("request_raw") or ""), REQUEST_CHARS),
        tools=shorten(tools, TOOLS_CHARS),
        at_ms=int(turn.get("ended_ms", 0)),
    )


def verdict_line(
    verdict: Mapping[str, Any], turn: Brief | None, style: Style, *, panels: bool = False
) -> str:
    """Return the line of a verdict; `turn` is None where the feed never saw the turn."""
    if turn is None:
        about = f"turn {str(verdict.get('turn_id', ''))[:8]}"
    else:
        where = f"{turn.agent}/{_session(turn.session)}"
        about = (
            f"{style.paint(style.time(turn.at_ms), 'dim')}  {where:<16}  "
            f"{quoted(turn.request):<{REQUEST_CHARS + 2}}  {turn.tools:<{TOOLS_CHARS}}"
        )
    panel = f"{verdict.get('panel')}: " if panels else ""
    revision = verdict.get("revision", 1)
    again = f" (revision {revision})" if revision > 1 else ""
    opinions = "  ".join(_opinion(each) for each in verdict.get("opinions", ()))
    return f"{about}  {opinions}  {panel}{_outcome(verdict, style)}{again}"


def pair_line(pair: Mapping[str, Any], style: Style) -> str:
    """Return the line of a preference pair."""
    prompt = next(
        (
            each.get("content", "")
            for each in reversed(pair.get("prompt", ()))
            if each["role"] == "user"
        ),
        "",
    )
    chosen, rejected = (_score(pair[side]["overall"]) for side in ("chosen", "rejected"))
    text = f"pair {pair['id'][:8]}  {chosen} over {rejected}"
    return f"{style.paint(text, 'cyan')}  {quoted(shorten(prompt, REQUEST_CHARS))}"


def run_line(run: Mapping[str, Any], style: Style) -> str:
    """Return the line of a training run that has come into another state."""
    state = str(run.get("state", ""))
    colour = {"promoted": "green", "failed": "red", "refused": "yellow"}.get(state, "cyan")
    attempt = f" (attempt {run['attempt']})" if run.get("attempt", 1) > 1 else ""
    line = f"training {run['id'][:8]} is {style.paint(state, colour)}{attempt}"
    if run.get("hosts"):
        line += f" on {', '.join(run['hosts'])}"
    return f"{line}: {run['reason']}" if run.get("reason") else line


def deadletter_line(letter: Mapping[str, Any], style: Style) -> str:
    """Return the line of something that could not be read."""
    text = f"not readable: {letter.get('source')} at {letter.get('position')}"
    return f"{style.paint(text, 'red')}: {shorten(str(letter.get('reason', '')), 120)}"


def more_line(count: int, style: Style) -> str:
    """Return the line that stands for verdicts too many to show."""
    return style.paint(f"... and {count} more verdict{'s' if count > 1 else ''}", "dim")


def header(
    *, models: Sequence[str], openclaw: Sequence[str], output: str, style: Style
) -> list[str]:
    """Return what stands above the feed: what is read, who judges, where it goes."""
    if models:
        judged = f"judged by {', '.join(models)}"
    else:
        judged = style.paint("judged by signals only: no language model is configured", "yellow")
    return [
        f"clawback reads {', '.join(openclaw)}",
        f"  {judged}",
        f"  writes {output}; Ctrl-C stops it",
    ]


def known_line(known: int) -> str:
    """Return the line that says how many verdicts are there from earlier, as only new ones are
    shown."""
    return f"  {known} verdicts are there from earlier; new ones are shown here"


def shorten(text: str, limit: int) -> str:
    """Return `text` on one line, with at most `limit` characters."""
    line = " ".join(text.split())
    line = "".join(char if char.isprintable() else "?" for char in line)
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def quoted(text: str) -> str:
    """Return a request as the feed shows it."""
    return f"“{text}”" if text else "(no words)"


def _score(overall: float | None) -> str:
    """Return a side's score; a decision that is known to be other than its turn has none."""
    return "-" if overall is None else f"{overall:g}"


def _session(session: str) -> str:
    """Return a session's name, short: the first part of a UUID tells sessions apart."""
    return session[:8] if _UUID.fullmatch(session) else shorten(session, 12)


def _opinion(opinion: Mapping[str, Any]) -> str:
    name = str(opinion.get("judge", "")).removeprefix("signals-")
    scores = opinion.get("scores")
    return f"{name} {scores['overall'] if scores else '-'}"


def _outcome(verdict: Mapping[str, Any], style: Style) -> str:
    status = str(verdict.get("status", ""))
    if status == "skipped":
        reasons = [each.get("reason", "") for each in verdict.get("opinions", ())]
        return style.paint(f"skipped: {', '.join(filter(None, reasons)) or '?'}", "dim")
    scores = verdict.get("scores")
    overall = scores["overall"] if scores else None
    number = f"→ {overall:g}" if overall is not None else "→ -"
    if status != "scored":
        return style.paint(f"{number}  {status.replace('_', ' ')}", "yellow")
    colour = "green" if overall and overall >= 7 else "red" if overall and overall <= 4 else "bold"
    return style.paint(number, colour)
