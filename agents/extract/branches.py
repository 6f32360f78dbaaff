"""Where a session's tree forks, and where OpenClaw only wrote the same branch again.

OpenClaw appends messages again under new ids: after it cut an oversized tool result (from that
result on), and when it gives a version 1 file its ids (all of it). A step that says the same as
the one already in its place is that same step, and the turn stays one turn.
"""

from __future__ import annotations

from agents.extract.nodes import RESULT, USER, Node, Nodes
from agents.extract.turns import Session, Turns
from schemas.turn import Turn


class Branches:
    """Follows the branch that is written, and leaves it when the tree goes on elsewhere."""

    def __init__(self, nodes: Nodes, turns: Turns) -> None:
        self._nodes = nodes
        self._turns = turns

    def repeats(self, session: Session, name: str, node: Node) -> bool:
        """Take a step for the one the tree already has in its place, and say whether it is.

        While its turn is open, the later version of a result is the one that counts.
        """
        head = session.head
        expected = self._expected(session, node["d"])
        if expected is None:
            return False
        known = self._nodes.get(session.id, expected)
        if known is None or known["i"] is None or known["i"] != node["i"]:
            return False
        if node["d"] != head.at:
            self._link(session, head.tip or head.at, expected)
            head.tip = head.tip or head.at
        if "z" not in known:
            known["o"] = node["o"]
            if node["k"] == RESULT:
                known["s"] = node["s"]
            self._nodes.put(session.id, expected, known)
        self._nodes.put(session.id, name, {"p": expected, "d": expected})
        head.at = expected
        if expected == head.tip:
            head.tip = head.next = None
        else:
            head.next = known["nx"]
        return True

    def leave(self, session: Session, driving: str | None, kind: str) -> list[Turn]:
        """Leave the branch for node `driving`, where a step of `kind` goes on."""
        head = session.head
        found: list[Turn] = []
        turn = head.turn
        if turn is not None:
            names, _ = self._turns.segment(session.id, head.tip or head.at, turn.after)
            inside = driving in names or (driving is not None and driving == turn.after)
            if inside and head.next is not None and driving == head.at:
                self._turns.drop(session, shared=driving)
            elif inside and kind != USER:
                found += self._turns.close(session, "branch", shared=driving)
            else:
                found += self._turns.close(session, "branch")
        self._turns.standing(session, driving)
        return found

    def _expected(self, session: Session, driving: str | None) -> str | None:
        """Return the node that follows where the new step joins, if the tree has one there."""
        head = session.head
        if driving == head.at:
            return head.next
        top = self._nodes.get(session.id, driving)
        before = -1 if top is None else top["n"]
        follows: str | None = None
        at = head.tip or head.at
        while at is not None and at != driving:
            node = self._nodes.get(session.id, at)
            if node is None or node["n"] < before:
                return None
            follows, at = at, node["d"]
        return follows

    def _link(self, session: Session, end: str | None, start: str) -> None:
        """Write into the nodes from `start` down to `end` which one follows."""
        after: str | None = None
        at = end
        while at is not None:
            node = self._nodes.get(session.id, at)
            if node is None:
                return
            if after is not None and node.get("nx") != after:
                node["nx"] = after
                self._nodes.put(session.id, at, node)
            if at == start:
                return
            after, at = at, node["d"]
