"""Opening, leaving and closing the turns of a session's tree."""

from __future__ import annotations

from dataclasses import dataclass

from agents.extract import explain
from agents.extract.assemble import Segment, turn_of, unanswered
from agents.extract.context import before, per_message
from agents.extract.explain import Explain, Explanation
from agents.extract.nodes import ASSISTANT, USER, Head, Node, Nodes, OpenTurn
from agents.extract.steps import context_text, request, waits
from schemas.reaction import Reaction, reaction_id
from schemas.settings import Extract
from schemas.turn import ClosedBy, Turn


@dataclass(slots=True)
class Session:
    """One session while one of its records is applied."""

    id: str
    file: str
    head: Head


class Turns:
    """Closes turns: publishes those with a tool call, cuts their nodes to what contexts need."""

    def __init__(self, settings: Extract, nodes: Nodes, explain: Explain | None) -> None:
        self._settings = settings
        self._nodes = nodes
        self._explain = explain

    def close(
        self,
        session: Session,
        closed_by: ClosedBy,
        next_user: Node | None = None,
        shared: str | None = None,
    ) -> list[Turn]:
        """Close the open turn, if it has anything to close.

        Args:
            session: The session.
            closed_by: Why it is over.
            next_user: The user message that closes it, where the user's own words do.
            shared: The last node that another branch goes on from; it and what is before it in
                the turn stay as they are, to become part of that branch's turn as well.
        """
        head = session.head
        turn = head.turn
        if turn is None:
            return []
        names, steps = self.segment(session.id, head.tip or head.at, turn.after)
        user = self._nodes.get(session.id, turn.user)
        found: list[Turn] = []
        closed: str | None = None
        if user is None or not turn.calls:
            self._why_not(session, turn, user, names, steps)
        else:
            segment = Segment(user, steps, turn.first, after_user=turn.after == turn.user)
            closed = segment.id
            found = self._publish(session, segment, closed_by, next_user, turn)
            if user.get("tr") != "heartbeat":
                head.awaits = closed
        first = turn.first or closed
        self._trim(session, names, steps, [closed, first, turn.user], shared)
        head.turn = OpenTurn(turn.user, names[-1] if names else turn.after, first=first)
        return found

    def drop(self, session: Session, shared: str | None) -> None:
        """Forget the open turn's end after node `shared`: OpenClaw wrote it anew from there."""
        head = session.head
        assert head.turn is not None
        names, steps = self.segment(session.id, head.tip or head.at, head.turn.after)
        if names:
            self.note(session, names[-1], steps[-1], explain.SUPERSEDED)
        self._trim(session, names, steps, [None, head.turn.first, head.turn.user], shared)

    def standing(self, session: Session, at: str | None) -> None:
        """Set the head to node `at`: which turn is open there, and which waits for a reaction."""
        head = session.head
        head.at, head.tip, head.next = at, None, None
        head.turn = head.awaits = None
        top = self._nodes.get(session.id, at)
        if top is None:
            return
        head.awaits = top.get("w")
        turn = OpenTurn(None, None)
        name = at
        while (node := self._nodes.get(session.id, name)) is not None:
            if "z" in node:
                turn.after, turn.first, turn.user = name, node["z"][1], node["z"][2]
                break
            if node["k"] == USER:
                turn.after = turn.user = name
                break
            if node["k"] == ASSISTANT:
                turn.calls = turn.calls or bool(node["s"]["calls"])
                turn.done = turn.done or (name == at and not waits(node["s"]))
            name = node["d"]
        head.turn = turn

    def segment(
        self, session: str, end: str | None, after: str | None
    ) -> tuple[list[str], list[Node]]:
        """Return the nodes after `after` up to `end`, in their order."""
        names: list[str] = []
        found: list[Node] = []
        name = end
        while name is not None and name != after:
            node = self._nodes.get(session, name)
            if node is None or "s" not in node:
                break
            names.append(name)
            found.append(node)
            name = node["d"]
        names.reverse()
        found.reverse()
        return names, found

    def explain_open(self, session: Session) -> None:
        """Explain what is open and why."""
        turn = session.head.turn
        if turn is None:
            return
        names, steps = self.segment(session.id, session.head.tip or session.head.at, turn.after)
        user = self._nodes.get(session.id, turn.user)
        if turn.calls and user is not None and turn.user is not None:
            waiting = unanswered([dict(node["s"]) for node in steps])
            self.note(session, turn.user, user, explain.still_open(waiting))
        elif steps or turn.after == turn.user:
            self._why_not(session, turn, user, names, steps)

    def note(self, session: Session, name: str, node: Node, reason: str) -> None:
        """Explain what became of a node."""
        if self._explain is not None:
            self._explain(Explanation(session.file, node.get("o", 0), name, reason))

    def _publish(
        self,
        session: Session,
        segment: Segment,
        closed_by: ClosedBy,
        next_user: Node | None,
        turn: OpenTurn,
    ) -> list[Turn]:
        key = f"t/{session.id}/{segment.id}"
        table = self._nodes.table
        assert turn.user is not None
        if table.get(key) is not None:
            self.note(session, turn.user, segment.user, explain.PUBLISHED)
            return []
        table.put(key, b"1")
        if self._explain is not None and not turn.done:
            steps = [dict(node["s"]) for node in segment.steps]
            self.note(session, turn.user, segment.user, explain.waiting(unanswered(steps)))
        reaction = None
        if next_user is not None and segment.user.get("tr") != "heartbeat":
            reaction = reaction_of(segment.id, next_user)
        limit = session.head.copied_before
        last_ms = segment.steps[-1].get("ms")
        asked_ms = segment.user.get("ms")
        copied = (
            limit is not None
            and asked_ms is not None
            and last_ms is not None
            and max(asked_ms, last_ms) < limit
        )
        context = before(self._nodes, session.id, segment.user["p"], self._settings.context_chars)
        return [turn_of(segment, session.id, closed_by, context, copied, reaction)]

    def _why_not(
        self,
        session: Session,
        turn: OpenTurn,
        user: Node | None,
        names: list[str],
        steps: list[Node],
    ) -> None:
        if self._explain is None:
            return
        if user is None:
            for name, node in zip(names, steps, strict=True):
                self.note(session, name, node, explain.NO_USER)
        elif turn.after != turn.user:
            for name, node in zip(names, steps, strict=True):
                self.note(session, name, node, explain.LATE)
        elif turn.user is not None:
            self.note(session, turn.user, user, explain.NO_CALL if steps else explain.NO_ANSWER)

    def _trim(
        self,
        session: Session,
        names: list[str],
        steps: list[Node],
        closed: list[str | None],
        shared: str | None,
    ) -> None:
        limit = per_message(self._settings.context_chars)
        start = names.index(shared) + 1 if shared in names else 0
        for name, node in list(zip(names, steps, strict=True))[start:]:
            text = context_text(node, limit)[1]
            small: Node = {"k": node["k"], "p": node["p"], "d": node["d"], "o": node.get("o", 0)}
            small.update(n=node["n"], i=node["i"], x=text, z=closed)
            if name == names[-1]:
                small["w"] = session.head.awaits
            if "nx" in node:
                small["nx"] = node["nx"]
            self._nodes.put(session.id, name, small)


def reaction_of(turn: str, user: Node) -> Reaction:
    """Return the reaction to a turn that a user message is."""
    text = request(user)
    at_ms = user["at"]
    return Reaction(id=reaction_id(turn, at_ms, text), turn_id=turn, text=text, at_ms=at_ms)
