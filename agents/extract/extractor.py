"""Turns out of the records of the `entries` topic.

A session is a tree of entries. The turn on the branch that is being written is open; it closes
when the user's next message comes, when the session was quiet or has ended, or when the tree goes
on from an earlier entry. Everything that is decided follows from the records and the table alone:
a silence in the records' own times closes a turn exactly as a marker of the tailer would.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from agents.extract import explain
from agents.extract.branches import Branches
from agents.extract.explain import Explain, Explanation
from agents.extract.nodes import (
    ASSISTANT,
    BOUNDARY,
    DRIVING,
    NOTE,
    USER,
    Node,
    Nodes,
    OpenTurn,
    encode,
)
from agents.extract.steps import MIRROR, OWN_PROVIDER, node_of, note_of, request, waits
from agents.extract.turns import Session, Turns, reaction_of
from schemas.deadletter import DeadLetter, deadletter_id
from schemas.entry import Entry
from schemas.openclaw import (
    BranchSummaryEntry,
    CompactionEntry,
    CustomMessageEntry,
    Header,
    LeafEntry,
    MessageEntry,
    OpenClawEntry,
    ResetEntry,
    UnknownEntry,
    parse_entry,
)
from schemas.openclaw_messages import AssistantMessage, BrokenEntryError, UnknownMessage
from schemas.reaction import Reaction
from schemas.settings import Extract, Tail
from schemas.table import Table
from schemas.turn import Turn

Extracted = Turn | Reaction | DeadLetter

_LETTER_BYTES = 64_000
"""How much of an unusable entry its dead letter keeps."""


class Extractor:
    """Applies the records of `entries`, in the order of each session.

    Args:
        settings: How much of contexts and tool results is kept.
        tail: When a session counts as quiet, and an unfinished turn as abandoned.
        explain: Told of everything that is not extracted, where someone asks.
    """

    def __init__(
        self,
        settings: Extract | None = None,
        tail: Tail | None = None,
        explain: Explain | None = None,
    ) -> None:
        self._settings = settings or Extract()
        tail = tail or Tail()
        self._quiet_ms = tail.quiet * 1000
        self._abandoned_ms = tail.abandoned * 1000
        self._explain = explain
        self._nodes = Nodes()
        self._turns = Turns(self._settings, self._nodes, explain)
        self._branches = Branches(self._nodes, self._turns)

    def reset(self) -> None:
        """Forget what was parsed of the table; to be called when the table's content changed."""
        self._nodes.reset()

    def apply(self, entry: Entry, table: Table) -> list[Extracted]:
        """Take in one record and return what follows from it."""
        return self.apply_record(orjson.loads(entry.to_bytes()), table)

    def apply_record(self, record: Mapping[str, Any], table: Table) -> list[Extracted]:
        """Take in one record of `entries` as parsed JSON; the quick way of `apply`."""
        self._nodes.use(table)
        try:
            if record["kind"] == "line":
                return self._line(record)
            return self._marker(record)
        except BaseException:
            self._nodes.reset()
            raise

    def leftover(self, session: str, file: str, table: Table) -> None:
        """Explain what is still open in a session."""
        self._nodes.use(table)
        self._turns.explain_open(Session(session, file, self._nodes.head(session)))

    def _marker(self, record: Mapping[str, Any]) -> list[Extracted]:
        origin = record["origin"]
        session = Session(origin["session"], origin["file"], self._nodes.head(origin["session"]))
        key = f"m/{session.id}/{record['id']}"
        if self._nodes.table.get(key) is not None:
            return []
        self._nodes.table.put(key, b"1")
        if record["kind"] == "ended":
            # Had the tailer looked in time, it would have seen the silence before the end.
            last_ms, at_ms = session.head.ms, record.get("at_ms")
            found: list[Extracted] = []
            if last_ms is not None and at_ms is not None:
                found += self._silence(session, at_ms - last_ms, self._quiet_ms)
            found += self._turns.close(session, "ended")
        else:
            found = self._silence(session, (record.get("quiet_seconds") or 0.0) * 1000, 0)
        self._nodes.save_head(session.id, session.head)
        return found

    def _silence(self, session: Session, ms: float, least_ms: float) -> list[Extracted]:
        """Close the open turn if nothing was written for so long."""
        turn = session.head.turn
        if turn is None or not turn.calls:
            return []
        if ms >= self._abandoned_ms or (turn.done and ms >= least_ms):
            return [*self._turns.close(session, "quiet")]
        return []

    def _line(self, record: Mapping[str, Any]) -> list[Extracted]:
        origin, raw = record["origin"], record["entry"]
        head = self._nodes.head(origin["session"])
        session = Session(origin["session"], origin["file"], head)
        own_id = raw.get("id") if raw.get("type") != "session" else None
        name = own_id if isinstance(own_id, str) and own_id else record["id"]
        if self._nodes.get(session.id, name) is not None:
            return []
        index = head.lines
        head.lines += 1
        found: list[Extracted] = []
        entry: OpenClawEntry
        node: Node | None = None
        value: bytes | None = None
        try:
            entry = parse_entry(raw)
            context, driving = self._parent(session, entry, linear=name is not own_id)
            node = self._node(session, entry, context, index)
            if node is not None:
                node.update(p=context, d=driving, o=origin["offset"], ms=entry.timestamp)
                if node["k"] == USER:
                    node.update(f=origin["file"], g=origin["agent"])
                value = encode(node)
        except BrokenEntryError as error:
            found.append(_letter(record, str(error)))
            parent = raw.get("parentId")
            entry = UnknownEntry(raw=raw, parent_id=parent if isinstance(parent, str) else None)
            context, driving = self._parent(session, entry, linear=name is not own_id)
            node = None
        if entry.timestamp is not None and not isinstance(entry, Header):
            if head.ms is not None:
                found += self._silence(session, entry.timestamp - head.ms, self._quiet_ms)
            head.ms = max(entry.timestamp, head.ms or 0)
        if isinstance(entry, LeafEntry):
            context, driving = self._nodes.resolve(session.id, entry.target_id)
        self._pass_over(record, entry, name)
        if node is None:
            self._nodes.put(session.id, name, {"p": context, "d": driving})
        elif node["k"] in DRIVING:
            found += self._step(session, name, node, value)
            context = driving = head.at
        else:
            if node["k"] == BOUNDARY and isinstance(entry, ResetEntry):
                found += self._turns.close(session, "ended")
                head.turn = head.awaits = None
            self._nodes.put(session.id, name, node, value)
            context = name
        if not isinstance(entry, Header):
            head.leaf, head.context, head.driving = name, context, driving
        self._nodes.save_head(session.id, head)
        return found

    def _parent(
        self, session: Session, entry: OpenClawEntry, linear: bool
    ) -> tuple[str | None, str | None]:
        """Return the nearest context node and driving node above a new entry.

        Version 1 has no ids: there every line follows the one before it.
        """
        head = session.head
        if linear or entry.parent_id == head.leaf:
            return head.context, head.driving
        return self._nodes.resolve(session.id, entry.parent_id)

    def _node(
        self, session: Session, entry: OpenClawEntry, context: str | None, index: int
    ) -> Node | None:
        """Return the node of an entry, or None where it says nothing to the model."""
        if isinstance(entry, MessageEntry):
            node = node_of(entry.message, entry.timestamp, self._settings.result_chars)
        elif isinstance(entry, CustomMessageEntry):
            node = note_of(entry.content)
        elif isinstance(entry, BranchSummaryEntry):
            node = {"k": NOTE, "r": "summary", "x": entry.summary} if entry.summary else None
        elif isinstance(entry, (CompactionEntry, ResetEntry)):
            summary = (entry.summary or "") if isinstance(entry, CompactionEntry) else ""
            node = {"k": BOUNDARY, "x": summary}
            node.update(self._kept(session, entry, context))
        else:
            if isinstance(entry, Header) and entry.parent_session and entry.timestamp is not None:
                known = session.head.copied_before
                session.head.copied_before = max(entry.timestamp, known or 0)
            return None
        if node is not None:
            node["n"] = index
        return node

    def _kept(
        self, session: Session, entry: CompactionEntry | ResetEntry, context: str | None
    ) -> Node:
        """Return which node a boundary keeps as the first, or drops as the last."""
        if isinstance(entry, CompactionEntry) and entry.first_kept_entry_index is not None:
            name, kept = context, None
            while (node := self._nodes.get(session.id, name)) is not None:
                if node.get("n", -1) < entry.first_kept_entry_index:
                    break
                name, kept = node["p"], name
            return {"kf": kept} if kept is not None else {}
        first = self._nodes.get(session.id, entry.first_kept_entry_id)
        if first is None:
            return {}
        return {"kf": entry.first_kept_entry_id} if "k" in first else {"kx": first["p"]}

    def _step(
        self, session: Session, name: str, node: Node, value: bytes | None
    ) -> list[Extracted]:
        """Put a user message, an answer or a tool result into the tree."""
        head = session.head
        driving: str | None = node["d"]
        if self._branches.repeats(session, name, node):
            return []
        found: list[Extracted] = []
        if driving != head.at or head.next is not None:
            found += self._branches.leave(session, driving, node["k"])
        turn = head.turn
        if node["k"] == USER:
            own = node.get("tr", "user") == "user" and request(node).strip() != ""
            found += self._turns.close(session, "user", node if own else None)
            if own and head.awaits is not None:
                found.append(reaction_of(head.awaits, node))
                head.awaits = None
            head.turn = OpenTurn(name, name)
        else:
            if turn is None:
                turn = head.turn = OpenTurn(None, head.at)
            turn.done = node["k"] == ASSISTANT and not waits(node["s"])
            if node["k"] == ASSISTANT and node["s"]["calls"]:
                turn.calls = True
        self._nodes.put(session.id, name, node, value)
        head.at = name
        return found

    def _pass_over(self, record: Mapping[str, Any], entry: OpenClawEntry, name: str) -> None:
        if self._explain is None:
            return
        reason = None
        if isinstance(entry, UnknownEntry):
            reason = explain.unknown(entry.raw.get("type"))
        elif isinstance(entry, MessageEntry):
            message = entry.message
            if isinstance(message, UnknownMessage):
                reason = explain.unknown(message.role)
            elif isinstance(message, AssistantMessage) and message.provider == OWN_PROVIDER:
                reason = explain.MIRROR if message.model == MIRROR else explain.INJECTED
        if reason is not None:
            place = record["origin"]
            self._explain(Explanation(place["file"], place["offset"], name, reason))


def _letter(record: Mapping[str, Any], reason: str) -> DeadLetter:
    """Return the dead letter of an entry that is known and cannot be used."""
    origin = record["origin"]
    source, position = origin["file"], str(origin["offset"])
    try:
        raw = orjson.dumps(record["entry"])
    except TypeError:
        raw = repr(record["entry"]).encode("utf-8", "replace")
    kept = raw[:_LETTER_BYTES].decode("utf-8", "ignore")
    return DeadLetter(
        id=deadletter_id("extract", source, position, reason),
        stage="extract",
        source=source,
        position=position,
        reason=reason,
        raw=kept,
        omitted_bytes=len(raw) - len(kept.encode()),
    )
