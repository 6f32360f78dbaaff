"""The windowed join: judgements of a turn gather in a table until its verdict can be made.

What a turn's window holds stands in the table under `turn/<turn id>`, its deadline under
`deadline/<epoch milliseconds, 15 digits>/<turn id>` while it is open. A scan of the latter is in
the order in which windows close, so neither a restart nor a million open windows need anything in
memory. `next` holds a time before which none closes, because a scan has to step over all that a
store has deleted lately, and the stage asks after every batch. A panel has a table (or a part of
one) to itself.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from hashlib import blake2b

from pydantic import TypeAdapter

from agents.ensemble.decide import concerns, decide
from agents.ensemble.edition import Edition
from schemas.judgement import Judgement
from schemas.settings import Panel
from schemas.table import Table
from schemas.verdict import Verdict, verdict_id

_TURN = "turn/"
_DEADLINE = "deadline/"
_NEXT = "next"


@dataclass(frozen=True, slots=True)
class _Window:
    """What has come for a turn.

    `deadline_ms` is when the window closes, or closed. `revision` is that of the last verdict, 0
    before the first one; `said` identifies what that verdict said. On disk `judgements` lack what
    no verdict carries (the raw answer, tokens, latency).
    """

    turn_id: str
    deadline_ms: int
    revision: int = 0
    said: str = ""
    judgements: tuple[Judgement, ...] = ()


# A dataclass is copied with a change in a fifth of the time that a model takes.
_WINDOW = TypeAdapter(_Window)
_BALLAST = {"judgements": {"__all__": {"raw", "tokens_in", "tokens_out", "latency_ms"}}}


class Ensemble:
    """One panel's join of the judges' streams.

    Revisions: the first verdict is made when every judge has answered, at a skip, or at the
    deadline. A judgement that comes after that makes the next revision if, and only if, it
    changes what the verdict says. A judgement with an id that is already there changes nothing,
    except that a score replaces an abstention (a judge that was asked again).

    The deadline belongs to the records: a judgement that the broker got at or after it meets a
    closed window, even if nobody called `due` in between.

    Args:
        panel: who sits on it, and its rule.
        edition: pins the judges to their models and rubrics, and marks the verdicts; without it
            any model that goes by a judge's name counts.
    """

    def __init__(self, panel: Panel, edition: Edition | None = None) -> None:
        self.panel = panel
        self._edition = edition
        self._window_ms = round(panel.window * 1000)

    def apply(self, judgement: Judgement, at_ms: int, table: Table) -> list[Verdict]:
        """Take in a judgement and return the verdicts that follow, in the order to publish them.

        Args:
            judgement: of any judge; one that is not on this panel is passed over, as is one by
                another model or rubric than the panel's edition has.
            at_ms: when the broker got the record (epoch milliseconds).
            table: this panel's windows.
        """
        if not self._concerned(judgement):
            return []
        key = _TURN + judgement.turn_id
        value = table.get(key)
        if value is None:
            window = _Window(turn_id=judgement.turn_id, deadline_ms=at_ms + self._window_ms)
            open_before = False
        else:
            window = _WINDOW.validate_json(value)
            open_before = window.revision == 0
        verdicts: list[Verdict] = []
        if open_before and at_ms >= window.deadline_ms:
            window = self._speak(window, verdicts, closed=True)
        fuller = _with(window, judgement)
        if fuller is not window:
            window = self._speak(fuller, verdicts, closed=window.revision > 0)
        encoded = _encode(window)
        if encoded != value:
            table.put(key, encoded)
        if open_before and window.revision:
            table.delete(_deadline_key(window))
        elif value is None and not window.revision:
            table.put(_deadline_key(window), b"")
            known = self.next_due(table)
            if known is None or window.deadline_ms < known:
                _note_next(window.deadline_ms, table)
        return verdicts

    def next_due(self, table: Table) -> int | None:
        """Return when to call `due` (epoch milliseconds), or None if no window is open.

        No window closes before; but those that were to close then may have been decided already.
        """
        known = table.get(_NEXT)
        return None if known is None else int(known)

    def due(self, now_ms: int, table: Table, limit: int = 2000) -> list[Verdict]:
        """Close windows whose deadline has passed, and return their verdicts.

        Call it again while `next_due` is not in the future: at most `limit` windows are closed in
        one call, so that the verdicts of a long pause need not be held at once.

        Args:
            now_ms: the time up to which the judgements have been read. While a stage is behind,
                that is not the clock: a judgement that came in time would be called late.
            table: this panel's windows.
            limit: most windows to close.
        """
        verdicts: list[Verdict] = []
        passed: list[str] = []
        following: int | None = None
        for key, _ in table.scan(_DEADLINE):
            deadline_ms = _split(key)[0]
            if len(passed) == limit or deadline_ms > now_ms:
                following = deadline_ms
                break
            passed.append(key)
        for key in passed:
            turn = _TURN + _split(key)[1]
            value = table.get(turn)
            if value is not None:
                window = _WINDOW.validate_json(value)
                table.put(turn, _encode(self._speak(window, verdicts, closed=True)))
            table.delete(key)
        _note_next(following, table)
        return verdicts

    def _concerned(self, judgement: Judgement) -> bool:
        if self._edition is not None:
            return self._edition.admits(judgement)
        return concerns(self.panel, judgement)

    def _speak(self, window: _Window, verdicts: list[Verdict], *, closed: bool) -> _Window:
        """Add the verdict on `window` to `verdicts` if it says anything new."""
        by_id = {judgement.id: judgement for judgement in window.judgements}
        verdict = decide(self.panel, by_id, closed)
        if verdict is None:
            return window
        said = blake2b(verdict.to_bytes(), digest_size=8).hexdigest()
        if said == window.said:
            return window
        revision = window.revision + 1
        named: dict[str, str] = {}
        if self._edition is not None:
            label = self._edition.label
            named = {"id": verdict_id(window.turn_id, label), "edition": self._edition.id}
        verdicts.append(verdict.model_copy(update={"revision": revision, **named}))
        return replace(window, revision=revision, said=said)


def _with(window: _Window, judgement: Judgement) -> _Window:
    """Return the window with a judgement taken in, unless its id is there already."""
    others = window.judgements
    for index, known in enumerate(others):
        if known.id == judgement.id:
            if known.status != "abstained" or judgement.status != "scored":
                return window
            others = others[:index] + others[index + 1 :]
            break
    return replace(window, judgements=(*others, judgement))


def _encode(window: _Window) -> bytes:
    return _WINDOW.dump_json(window, by_alias=True, exclude_defaults=True, exclude=_BALLAST)


def _note_next(deadline_ms: int | None, table: Table) -> None:
    if deadline_ms is None:
        table.delete(_NEXT)
    else:
        table.put(_NEXT, str(deadline_ms).encode())


def _deadline_key(window: _Window) -> str:
    return f"{_DEADLINE}{max(window.deadline_ms, 0):015d}/{window.turn_id}"


def _split(key: str) -> tuple[int, str]:
    """Return the deadline and the turn id of a deadline's key."""
    _, deadline, turn_id = key.split("/", 2)
    return int(deadline), turn_id
