"""The windowed join: judgements of a turn gather in a table until its verdict can be made.

What a turn's window holds stands in the table under `turn/<turn id>`, its deadline under
`deadline/<epoch milliseconds, 15 digits>/<turn id>` while it is open. A scan of the latter is in
the order in which windows close, so neither a restart nor a million open windows need anything in
memory. `next` holds a time before which none closes, because a scan has to step over all that a
store has deleted lately, and the stage asks after every batch. A panel has a table (or a part of
one) to itself.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Final

from agents.ensemble.decide import concerns, decide, ready
from agents.ensemble.edition import Edition
from agents.ensemble.window import Window
from schemas.judgement import Judgement
from schemas.settings import Panel
from schemas.table import Table
from schemas.verdict import Verdict

_TURN: Final = "turn/"
_DEADLINE: Final = "deadline/"
_NEXT: Final = "next"


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
        self._edition_id = "" if edition is None else edition.id
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
            window = Window(judgement.turn_id, deadline_ms=at_ms + self._window_ms)
            open_before = False
        else:
            window = Window.from_bytes(judgement.turn_id, value)
            open_before = window.revision == 0
        found = window
        verdicts: list[Verdict] = []
        if open_before and at_ms >= window.deadline_ms:
            window = self._speak(window, verdicts, closed=True)
        fuller = window.with_(judgement)
        if fuller is not window:
            window = self._speak(fuller, verdicts, closed=window.revision > 0)
        if value is None or window is not found:
            table.put(key, window.to_bytes())
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
            turn_id = _split(key)[1]
            value = table.get(_TURN + turn_id)
            if value is not None:
                window = Window.from_bytes(turn_id, value)
                table.put(_TURN + turn_id, self._speak(window, verdicts, closed=True).to_bytes())
            table.delete(key)
        _note_next(following, table)
        return verdicts

    def _concerned(self, judgement: Judgement) -> bool:
        if self._edition is not None:
            return self._edition.admits(judgement)
        return concerns(self.panel, judgement)

    def _speak(self, window: Window, verdicts: list[Verdict], *, closed: bool) -> Window:
        """Add the verdict on `window` to `verdicts` if it says anything new."""
        if not closed and not ready(self.panel, window.answers):
            return window
        verdict = decide(self.panel, window.judgements(), closed, self._edition_id)
        if verdict is None:
            return window
        said = blake2b(verdict.to_bytes(), digest_size=8).hexdigest()
        if said == window.said:
            return window
        revision = window.revision + 1
        if revision > 1:
            verdict = verdict.model_copy(update={"revision": revision})
        verdicts.append(verdict)
        return window.spoken(revision, said)


def _note_next(deadline_ms: int | None, table: Table) -> None:
    if deadline_ms is None:
        table.delete(_NEXT)
    else:
        table.put(_NEXT, str(deadline_ms).encode())


def _deadline_key(window: Window) -> str:
    return f"{_DEADLINE}{max(window.deadline_ms, 0):015d}/{window.turn_id}"


def _split(key: str) -> tuple[int, str]:
    """Return the deadline and the turn id of a deadline's key."""
    _, deadline, turn_id = key.split("/", 2)
    return int(deadline), turn_id
