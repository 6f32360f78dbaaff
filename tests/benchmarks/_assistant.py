"""Turns and verdicts of a made-up assistant's year, the same each time: what `pairs` measures by.

Sessions of twenty turns of one to four calls, 2.3 kB each. Of what makes pairs there is a share of
each: requests asked again word for word weeks later, a dozen cron tasks that run all the time,
answers made anew under the same prompt, complaints after which the next turn does it again, and
failed calls that the next one sets right. Some turns stand in two sessions, some verdicts come in
two revisions, and not all of them have a score.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any, NamedTuple

import orjson

from schemas.identity import digest
from schemas.topics import TURNS, VERDICTS

START_MS = 1_772_000_000_000
SESSION_TURNS = 20
WORDS = [f"{a}{b}" for a in "ba be bi bo bu da de di do du".split() for b in range(300)]  # noqa: SIM905
AGENTS = ("main", "main", "main", "family", "work")
SCORES = (1, 2, 3, 4, 5, 6, 7, 7, 8, 8, 8, 9, 9)
REMEMBERED = 5_000
"""How many requests may be asked again."""

CRON, REPEATED, AGAIN, COMPLAINS = 0.05, 0.2, 0.03, 0.35
"""Shares: of all turns those that cron started, those asked before, those answered anew; of bad
turns those that the user complains about."""
FAILS, MENDED = 0.1, 0.5
"""The share of calls that fail, and of those that are set right at once."""
COPIED, REVISED, SKIPPED, DISPUTED = 0.02, 0.02, 0.12, 0.05


class Asked(NamedTuple):
    """What a turn is asked, and what stood before it."""

    request: str
    trigger: str
    context: list[dict[str, str]]


def records(turns: int, panel: str, edition: str) -> Iterator[tuple[str, bytes, bytes]]:
    """Yield topic, key and value of so many turns, each with its verdict."""
    dice = random.Random(7)
    remembered: list[str] = []
    tasks = [_words(dice, 12) for _ in range(12)]
    asked = _asked(dice, remembered, tasks)
    for number in range(turns):
        turn_id = digest("turn", number)
        score = dice.choice(SCORES)
        then, text = _then(dice, asked, score, remembered, tasks)
        turn = _turn(dice, number, turn_id, asked, text)
        asked = then
        key = turn_id.encode()
        yield TURNS, key, orjson.dumps(turn)
        if dice.random() < COPIED:
            turn |= {"session": f"{turn['session']}-copy", "copied": True}
            yield TURNS, key, orjson.dumps(turn)
        verdict = _verdict(dice, turn_id, score, panel, edition)
        yield VERDICTS, key, orjson.dumps(verdict)
        if dice.random() < REVISED:
            yield VERDICTS, key, orjson.dumps(verdict | {"revision": 2})


def _asked(dice: random.Random, remembered: list[str], tasks: list[str]) -> Asked:
    context = [{"role": "assistant", "text": _words(dice, 40)}]
    drawn = dice.random()
    if drawn < CRON:
        return Asked(dice.choice(tasks), "cron", context)
    if drawn < CRON + REPEATED and remembered:
        return Asked(dice.choice(remembered), "user", context)
    request = _words(dice, 9)
    if len(remembered) < REMEMBERED:
        remembered.append(request)
    else:
        remembered[dice.randrange(REMEMBERED)] = request
    return Asked(request, "user", context)


def _then(
    dice: random.Random, asked: Asked, score: int, remembered: list[str], tasks: list[str]
) -> tuple[Asked, str | None]:
    """Return what is asked next, and what the user said of the answer, if anything."""
    if dice.random() < AGAIN:
        return asked, None
    if score < 5 and dice.random() < COMPLAINS:
        text = f"no, that's wrong, {asked.request}"
        return Asked(text, "user", [{"role": "assistant", "text": _words(dice, 40)}]), text
    then = _asked(dice, remembered, tasks)
    return then, then.request if then.trigger == "user" else None


def _turn(
    dice: random.Random, number: int, turn_id: str, asked: Asked, reaction: str | None
) -> dict[str, Any]:
    at_ms = START_MS + number * 60_000
    session = f"s{number // SESSION_TURNS}"
    said = {"id": f"r{number}", "turn_id": turn_id, "text": reaction, "at_ms": at_ms + 60_000}
    return {
        "schema": 1,
        "id": turn_id,
        "agent": AGENTS[number // SESSION_TURNS % len(AGENTS)],
        "session": session,
        "trigger": asked.trigger,
        "request": asked.request,
        "request_raw": asked.request,
        "context": asked.context,
        "steps": _steps(dice),
        "answer": "",
        "started_ms": at_ms,
        "ended_ms": at_ms + 5_000,
        "place": {"file": f"{session}.jsonl", "first_offset": number, "last_offset": number},
        "closed_by": "user" if reaction else "quiet",
        "reaction": said if reaction else None,
    }


def _steps(dice: random.Random) -> list[dict[str, Any]]:
    steps: list[dict[str, Any]] = []
    mended = ""
    for number in range(dice.choice((1, 2, 2, 3, 4))):
        name = mended or dice.choice(("exec", "read", "write", "web_search", "calendar"))
        call = {"id": f"toolu_{number}", "name": name, "arguments": _arguments(dice, name)}
        failed = not mended and dice.random() < FAILS
        mended = name if failed and dice.random() < MENDED else ""
        steps += (
            {"role": "assistant", "calls": [call], "provider": "anthropic", "model": "claude",
             "stop_reason": "toolUse", "started_ms": START_MS, "ended_ms": START_MS},
            {"role": "tool", "call_id": call["id"], "name": name, "is_error": failed,
             "text": _words(dice, 40)},
        )  # fmt: skip
    return [*steps, {"role": "assistant", "text": _words(dice, 20), "stop_reason": "stop"}]


def _arguments(dice: random.Random, name: str) -> dict[str, Any]:
    if name == "exec":
        return {"command": _words(dice, 4), "timeout": dice.randrange(60)}
    if name == "web_search":
        return {"query": _words(dice, 4), "count": 5}
    if name == "calendar":
        return {"filter": {"after": dice.randrange(10**9), "tags": _words(dice, 2).split()}}
    content = {"content": _words(dice, 15)} if name == "write" else {}
    return {"path": f"{dice.choice(WORDS)}/{dice.choice(WORDS)}.txt"} | content


def _verdict(
    dice: random.Random, turn_id: str, score: int, panel: str, edition: str
) -> dict[str, Any]:
    names = ("tool_correctness", "task_completion", "instruction_adherence", "efficiency")
    scores = dict.fromkeys((*names, "overall"), score)
    drawn = dice.random()
    skipped = drawn < SKIPPED
    opinions = [
        {
            "judge": judge,
            "kind": "llm",
            "model": f"{judge}:70b",
            "rubric": "v1",
            "status": "scored",
            "scores": scores,
            "rationale": f"The {dice.choice(('first', 'second'))} call does what was asked, and "
            f"the answer says what it found: {_words(dice, 8)}.",
        }
        for judge in (() if skipped else ("llama", "minimax", "nemotron"))
    ]
    disputed = drawn < SKIPPED + DISPUTED
    status = "skipped" if skipped else "ensemble_disagreement" if disputed else "scored"
    return {
        "schema": 1,
        "id": digest("verdict", turn_id),
        "turn_id": turn_id,
        "panel": panel,
        "edition": edition,
        "status": status,
        "scores": None if skipped else scores,
        "spread": None if skipped else 5.0 if disputed else 1.0,
        "opinions": opinions,
    }


def _words(dice: random.Random, count: int) -> str:
    return " ".join(dice.choices(WORDS, k=count))
