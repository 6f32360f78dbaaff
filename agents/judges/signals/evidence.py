"""What happened in a turn, counted. No opinion yet: `score` turns the counts into one."""

from __future__ import annotations

import shlex
from collections import defaultdict
from dataclasses import dataclass
from typing import Final

from agents.canonical import canonical
from agents.judges.signals.words import Heard, claims_success, hear, says_nothing
from schemas.reaction import Reaction
from schemas.turn import ToolCall, ToolResult, Turn

REPEAT_WITHIN_MS: Final = 30 * 60 * 1000
"""A request that comes again later than this is a habit ("check my mail"), not a complaint."""

FAILED_STATUSES: Final = frozenset({"error", "failed", "forbidden", "timeout", "denied"})
"""Words in a result's `status` that mean failure where OpenClaw does not set `isError`."""

DELIVERS: Final = frozenset({"message", "sessions_send", "tts"})
"""Tools that speak to the user themselves, after which NO_REPLY is the right last answer."""

NAMED: Final = 3
"""How many failed calls a rationale names."""

SILENCE: Final = frozenset({"NO_REPLY", "HEARTBEAT_OK"})

ONE_MEANS_NO: Final = frozenset(
    {"grep", "egrep", "fgrep", "zgrep", "rg", "diff", "cmp", "test", "[", "pgrep", "which"}
)
"""Programs whose exit code 1 is an answer ("no match", "differs"), not a failure."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Counts and facts of one turn.

    `unrecovered`: failed calls after which the same tool never succeeded. `unknown`: results of
    calls of tools that do not exist. `unanswered`: calls that never got a result, or one that
    OpenClaw made up. `wasted`: calls that failed, went unanswered, or repeated an earlier call
    with the same result; each counts once. `stubborn`: the same call again after the same error.
    `ending` is `blank`, `error`, `aborted`, `length`, `unfinished` (a tool call was to follow) or
    empty where the turn ended with an answer. `claimed`: the answer says it is done although a
    failure was not recovered. `failures` and `strangers` name the first failed
    calls and unknown tools for a person.
    """

    calls: int = 0
    rounds: int = 0
    failed: int = 0
    unrecovered: int = 0
    unknown: int = 0
    unanswered: int = 0
    wasted: int = 0
    stubborn: int = 0
    ending: str = ""
    blank: bool = False
    claimed: bool = False
    heard: Heard | None = None
    tokens_in: int = 0
    tokens_out: int = 0
    seconds: float = 0.0
    failures: tuple[str, ...] = ()
    strangers: tuple[str, ...] = ()


def collect(turn: Turn, reaction: Reaction | None = None) -> Evidence:
    """Count what happened in `turn`.

    `reaction` is the user's next message; without it, the one that closed the turn, if any.
    """
    ledger = _Ledger()
    rounds = 0
    for step in turn.steps:
        if isinstance(step, ToolResult):
            ledger.result(step)
        elif step.calls:
            rounds += 1
            for call in step.calls:
                ledger.call(call)
    unanswered = ledger.close()
    unrecovered = sum(ledger.open_failures.values())
    usage = turn.usage
    return Evidence(
        calls=ledger.calls,
        rounds=rounds,
        failed=ledger.failed,
        unrecovered=unrecovered,
        unknown=ledger.unknown,
        unanswered=unanswered,
        wasted=ledger.wasted,
        stubborn=ledger.stubborn,
        ending=_ending(turn),
        blank=_blank(turn, ledger.delivered),
        claimed=unrecovered > 0 and claims_success(turn.answer),
        heard=_heard(turn, reaction or turn.reaction),
        tokens_in=usage.input + usage.cache_read + usage.cache_write,
        tokens_out=usage.output,
        seconds=max(0, turn.ended_ms - turn.started_ms) / 1000,
        failures=tuple(ledger.failures[:NAMED]),
        strangers=tuple(ledger.strangers[:NAMED]),
    )


class _Ledger:
    """Matches results to calls in the order they come; call ids may be used again."""

    def __init__(self) -> None:
        self.calls = 0
        self.failed = 0
        self.unknown = 0
        self.synthetic = 0
        self.wasted = 0
        self.stubborn = 0
        self.delivered = False
        self.failures: list[str] = []
        self.strangers: list[str] = []
        self.open_failures: dict[str, int] = {}
        self._pending: defaultdict[str, list[ToolCall]] = defaultdict(list)
        self._outcomes: set[tuple[str, bytes, bool, str, int]] = set()

    def call(self, call: ToolCall) -> None:
        self.calls += 1
        self._pending[call.id].append(call)

    def result(self, result: ToolResult) -> None:
        if result.orphan:
            self.unknown += 1
            self.wasted += 1
            self.strangers.append(result.name)
            return
        pending = self._pending.get(result.call_id)
        call = pending.pop(0) if pending else None
        if result.synthetic:
            self.synthetic += 1
            self.wasted += 1
            return
        failure = _failure(result, call)
        seen = self._seen_before(result, call, failure is not None)
        if failure is None:
            self.open_failures.pop(result.name, None)
            self.delivered = self.delivered or result.name in DELIVERS
            self.wasted += seen
            return
        self.failed += 1
        self.wasted += 1
        self.stubborn += seen
        self.open_failures[result.name] = self.open_failures.get(result.name, 0) + 1
        self.failures.append(f"{result.name} ({failure})")

    def close(self) -> int:
        """Return how many calls went without a real result, counting them as wasted."""
        unanswered = sum(len(calls) for calls in self._pending.values())
        self.wasted += unanswered
        return unanswered + self.synthetic

    def _seen_before(self, result: ToolResult, call: ToolCall | None, failed: bool) -> bool:
        if call is None:
            return False
        arguments = canonical(call.arguments)
        outcome = (call.name, arguments, failed, result.text, result.images)
        if outcome in self._outcomes:
            return True
        self._outcomes.add(outcome)
        return False


def _failure(result: ToolResult, call: ToolCall | None) -> str | None:
    if result.is_error:
        return "error" if not result.exit_code else f"exit {result.exit_code}"
    if result.exit_code == 1 and call is not None and _one_means_no(call):
        return None
    if result.exit_code:
        return f"exit {result.exit_code}"
    status = result.status.casefold()
    return status if status in FAILED_STATUSES else None


def _one_means_no(call: ToolCall) -> bool:
    """Whether the last program of the call's shell command answers by its exit code."""
    command = call.arguments.get("command")
    if not isinstance(command, str) or len(command) > 4_000:
        return False
    lexer = shlex.shlex(command, posix=True, punctuation_chars="|;&\n")
    lexer.whitespace = " \t\r"
    lexer.whitespace_split = True
    program = ""
    try:
        for token in lexer:
            if token.strip("|;&\n") == "":
                program = ""
            elif not program and "=" not in token and token not in ("sudo", "!"):
                program = token
    except ValueError:  # quotes that are never closed: no shell would have run it
        return False
    return program.rpartition("/")[2] in ONE_MEANS_NO


def _ending(turn: Turn) -> str:
    reason = turn.stop_reason
    if not reason and turn.decisions:
        reason = turn.decisions[-1].stop_reason
    if reason == "toolUse":
        return "unfinished"
    return reason if reason in ("error", "aborted", "length") else ""


def _blank(turn: Turn, delivered: bool) -> bool:
    answer = turn.answer.strip()
    if not answer:
        return not delivered
    if delivered:
        return False
    return (answer in SILENCE and turn.trigger == "user") or says_nothing(answer)


def _heard(turn: Turn, reaction: Reaction | None) -> Heard | None:
    if reaction is None or not reaction.text.strip():
        return None
    late = reaction.at_ms is not None and reaction.at_ms - turn.ended_ms > REPEAT_WITHIN_MS
    return hear(reaction.text, "" if late else turn.request)
