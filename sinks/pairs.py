"""Preference pairs: on the topic `pairs`, and in `pairs/pairs.jsonl`.

In the table, under `pairs/`:
    turn/<turn id>                          request, start, rank among copies; the turn's record
    score/<turn id>                         by panel: rank, status, overall
    pair/<started_ms, 15 digits>/<pair id>  the pair; a scan is in file order
    dirty/pairs.jsonl                       the file is to be rewritten
    rules                                   the settings that the pairs were made by
The turns that are sides stand there as `sinks.sides` keeps them.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson

from schemas.settings import Pairs
from schemas.table import Table
from schemas.topics import PAIRS, TURNS, VERDICTS
from schemas.turn import Trigger, Turn
from schemas.verdict import Verdict
from sinks.output import Output
from sinks.pairfile import PairFile
from sinks.pairing import SIDES, STRATEGY, TRIGGERS, Candidate, request_digest, select
from sinks.rewriter import Rewriter
from sinks.sides import Request, SideOf, note_side, side, side_of
from sinks.winner import TurnHead, turn_rank, verdict_rank

_TURN = "pairs/turn/"
_SCORE = "pairs/score/"
_PAIR = "pairs/pair/"
_DIRTY = "pairs/dirty/"
_RULES = "pairs/rules"
_FILE = "pairs.jsonl"


class PairHead(TurnHead):
    """The fields of a turn that tell what it could be paired with."""

    trigger: Trigger = "user"
    request: str
    images: int = 0


class PairsSink:
    """The sink that gathers preference pairs. One process writes a directory.

    A turn can be a side if a person asked for it in words alone (see `pairing.TRIGGERS`) and the
    panel's verdict on it is `scored`. Whenever such a turn comes or changes, the pairs of its
    request are made again: new and changed ones are published, and those that no longer hold
    get a tombstone.

    Args:
        output: the directory that gets `pairs/`.
        panel: whose verdicts count, by its label.
        rules: the thresholds, and how many pairs a request makes.
        delay: how long changes are gathered before the file is rewritten (seconds).
        clock: a monotonic clock in seconds.
    """

    topics = (TURNS, VERDICTS)

    def __init__(
        self,
        output: Path,
        panel: str,
        rules: Pairs,
        delay: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._panel = panel
        self._rules = rules
        self._rewriter = Rewriter(_DIRTY, delay, clock)
        self._file = PairFile(output / "pairs" / _FILE)
        self._recalled = False
        self._ruled = False

    def apply(self, topic: str, value: bytes, table: Table) -> list[Output]:
        """Take in a turn or a verdict and return the pairs that come, change or go.

        The first record also brings what follows from changed settings.

        Raises:
            pydantic.ValidationError: the value is neither; the table is as it was.
        """
        outputs: list[Output] = []
        if topic == TURNS:
            head = PairHead.model_validate_json(value)
            outputs = self._rule(table)
            outputs += self._take_turn(head, value, table)
        elif topic == VERDICTS:
            verdict = Verdict.model_validate_json(value)
            outputs = self._rule(table)
            outputs += self._take_verdict(verdict, table)
        return outputs

    def flush_in(self) -> float | None:
        """Return in how many seconds to flush, or None if there is nothing to write."""
        return self._rewriter.flush_in() if self._recalled else 0.0

    def flush(self, table: Table, *, everything: bool = False) -> None:
        """Rewrite the file if its time has come.

        Raises:
            SinkError: it can't be written; it stays as it was and due.
        """
        if not self._recalled:
            if not self._file.exists() and next(table.scan(_PAIR), None) is not None:
                self._rewriter.mark(_FILE, table)
            self._rewriter.recall(table)
            self._recalled = True
        self._rewriter.flush(
            table,
            lambda _: self._file.write(value + b"\n" for _, value in table.scan(_PAIR)),
            everything=everything,
        )

    def _rule(self, table: Table) -> list[Output]:
        """Make all pairs again if the settings are not those that they were made by."""
        if self._ruled:
            return []
        self._ruled = True
        rules = orjson.dumps((self._panel, self._rules.model_dump(), STRATEGY, SIDES))
        before = table.get(_RULES)
        if before == rules:
            return []
        table.put(_RULES, rules)
        outputs: list[Output] = []
        if before is not None:
            for key, _ in table.scan(_SCORE):
                turn_id = key.removeprefix(_SCORE)
                outputs += self._place(turn_id, table, again=True)
        return outputs

    def _take_turn(self, head: PairHead, value: bytes, table: Table) -> list[Output]:
        rank = turn_rank(head, value)
        stored = table.get(_TURN + head.id)
        if stored is not None:
            _, _, *old_rank = orjson.loads(stored.partition(b"\n")[0])
            if tuple(old_rank) <= rank:
                return []
        request = ""
        if head.trigger in TRIGGERS and head.request.strip() and not head.images:
            request = request_digest(head.agent, head.trigger, head.request)
        line = orjson.dumps((request, head.started_ms, *rank))
        table.put(_TURN + head.id, line + b"\n" + (value if request else b""))
        return self._place(head.id, table, again=stored is not None)

    def _take_verdict(self, verdict: Verdict, table: Table) -> list[Output]:
        key = _SCORE + verdict.turn_id
        stored = table.get(key)
        scores: dict[str, Any] = {} if stored is None else orjson.loads(stored)
        rank = verdict_rank(verdict)
        if verdict.label in scores and tuple(scores[verdict.label][0]) >= rank:
            return []
        overall = None if verdict.scores is None else verdict.scores.overall
        scores[verdict.label] = (rank, verdict.status, overall)
        table.put(key, orjson.dumps(scores))
        if verdict.label != self._panel:
            return []
        return self._place(verdict.turn_id, table)

    def _place(self, turn_id: str, table: Table, *, again: bool = False) -> list[Output]:
        """Put a turn on the side where its request and score put it, or on none, and return what
        changes; `again` if its content or the rules may have changed, too."""
        before, now = side_of(turn_id, table), self._side(turn_id, table)
        if before == now and not (again and now):
            return []
        note_side(turn_id, now, table)
        if before is None or now is None or before.request == now.request:
            return self._move(before, now, table, again=again)
        outputs = self._move(before, None, table, again=True)
        return outputs + self._move(None, now, table, again=True)

    def _side(self, turn_id: str, table: Table) -> SideOf | None:
        stored = table.get(_SCORE + turn_id)
        score = None if stored is None else orjson.loads(stored).get(self._panel)
        if score is None or score[1] != "scored" or score[2] is None:
            return None
        request, started_ms = _placed(turn_id, table)
        candidate = Candidate(turn_id, score[2], started_ms)
        if not request:
            return None
        if candidate.overall >= self._rules.chosen:
            return side(request, "chosen", candidate)
        if candidate.overall <= self._rules.rejected:
            return side(request, "rejected", candidate)
        return None

    def _move(
        self, before: SideOf | None, now: SideOf | None, table: Table, *, again: bool
    ) -> list[Output]:
        """Move a turn within its request and make the request's pairs again where that matters."""
        place = now or before
        if place is None:
            return []
        request = Request(place.request, table)
        old = (request.best("chosen"), request.best("rejected"))
        if before != now:
            if before is not None:
                request.remove(before.kind, before.member)
            if now is not None:
                request.add(now.kind, now.member)
        best = (request.best("chosen"), request.best("rejected"))
        outputs = self._make(*best, request.made, table) if again or best != old else []
        request.save()
        return outputs

    def _make(
        self,
        chosen: list[Candidate],
        rejected: list[Candidate],
        made: dict[str, int],
        table: Table,
    ) -> list[Output]:
        """Make the pairs of a request, and return what differs from those made before."""
        pairs = select(
            chosen,
            rejected,
            lambda turn_id: Turn.from_bytes(_turn(turn_id, table)),
            self._panel,
            self._rules.per_prompt,
        )
        started = {candidate.turn_id: candidate.started_ms for candidate in chosen}
        now = {pair.id: started[pair.chosen.turn_id] for pair in pairs}
        outputs: list[Output] = []
        for pair_id, started_ms in sorted(made.items()):
            if now.get(pair_id) != started_ms:
                table.delete(_pair_key(started_ms, pair_id))
            if pair_id not in now:
                outputs.append(Output(PAIRS, pair_id.encode(), None))
        for pair in pairs:
            key, value = _pair_key(now[pair.id], pair.id), pair.to_bytes()
            if table.get(key) != value:
                table.put(key, value)
                outputs.append(Output(PAIRS, pair.id.encode(), value))
        if outputs:
            self._rewriter.mark(_FILE, table)
        made.clear()
        made.update(now)
        return outputs


def _pair_key(started_ms: int, pair: str) -> str:
    return f"{_PAIR}{started_ms:015d}/{pair}"


def _placed(turn_id: str, table: Table) -> tuple[str, int]:
    """Return a turn's request ("" if it can be no side) and its start."""
    stored = table.get(_TURN + turn_id)
    if stored is None:
        return "", 0
    request, started_ms, *_ = orjson.loads(stored.partition(b"\n")[0])
    return request, started_ms


def _turn(turn_id: str, table: Table) -> bytes:
    stored = table.get(_TURN + turn_id)
    return b"" if stored is None else stored.partition(b"\n")[2]
