"""What extraction remembers of a session: a small node for each entry, and one head.

    n/<session>/<entry id>   a node, written when its entry comes and again when its turn closes
    h/<session>              the head: where the conversation stands and what is open
    t/<session>/<turn id>    a turn that was published
    m/<session>/<marker id>  a quiet or ended marker that was applied

A node exists if and only if its line was applied, which is how repeated lines are known. Nodes of
open turns hold their whole step; closing cuts them to the short text that later contexts use, so
that the table does not become a second copy of the logs.

Keys of a node: `k` its kind (none: the entry says nothing to the model and only passes its
parents on), `p` the nearest node above that is in the context, `d` the nearest node above that
drives a turn, `i` what it is whatever its id (see `steps`), `s` its step, `x` its shortened text,
`o` the byte its line starts at, `n` how many lines came before it, `ms` its time, `kf` or `kx` the
node that a boundary keeps as first or drops as last, `z` the closed turn it belongs to ([turn id,
first turn id, user node]), `w` the turn that waits for a reaction after it, `nx` the next node on
a branch that is being repeated. A user node has `raw` and the fields of the turn it starts (see
`steps`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import orjson

from schemas.openclaw_messages import BrokenEntryError
from schemas.table import Table

Node = dict[str, Any]

USER: Final = "u"
ASSISTANT: Final = "a"
RESULT: Final = "r"
NOTE: Final = "x"
BOUNDARY: Final = "b"
DRIVING: Final = frozenset((USER, ASSISTANT, RESULT))
"""The kinds that make turns; the others only stand in the context."""

CACHE_BYTES: Final = 4_000_000
"""Enough for the open turns and their contexts; more costs the garbage collector more than it
saves."""
CACHED_HEADS: Final = 256


@dataclass(slots=True)
class OpenTurn:
    """The turn being written: steps after node `after`, in answer to node `user`.

    `calls`: it has a tool call. `done`: its last entry is an answer that waits for nothing.
    `first` is set where an earlier part of it was published already.
    """

    user: str | None
    after: str | None
    calls: bool = False
    done: bool = False
    first: str | None = None


@dataclass(slots=True)
class Head:
    """Where a session stands.

    `leaf` is the last entry, `context` and `driving` its nearest nodes. `at` is the node the next
    step is expected after; while a branch is being repeated, `next` is its next node and `tip` its
    end. `ms` is the latest entry's time, `lines` how many lines came, `copied_before` the time
    before which entries are copies from a parent session, `awaits` the published turn without a
    reaction yet.
    """

    leaf: str | None = None
    context: str | None = None
    driving: str | None = None
    at: str | None = None
    tip: str | None = None
    next: str | None = None
    ms: int | None = None
    lines: int = 0
    copied_before: int | None = None
    turn: OpenTurn | None = None
    awaits: str | None = None


def encode(node: Node) -> bytes:
    """Return a node as it stands in the table.

    Raises:
        BrokenEntryError: something in it is nested too deep, or no JSON value.
    """
    try:
        return orjson.dumps(node)
    except TypeError as error:
        raise BrokenEntryError(f"cannot be kept: {error}") from None


class Nodes:
    """The nodes and heads in a table, with a bounded cache of what was parsed.

    The cache holds nothing the table does not: after `reset` everything goes on the same.
    """

    def __init__(self) -> None:
        self._table: Table | None = None
        self._nodes: dict[str, tuple[Node, int]] = {}
        self._bytes = 0
        self._heads: dict[str, Head] = {}

    def reset(self) -> None:
        """Forget what was parsed."""
        self._table = None
        self._nodes.clear()
        self._bytes = 0
        self._heads.clear()

    def use(self, table: Table) -> None:
        """Work on `table` from now on."""
        if table is not self._table:
            self.reset()
            self._table = table

    @property
    def table(self) -> Table:
        """The table in use."""
        assert self._table is not None
        return self._table

    def head(self, session: str) -> Head:
        """Return a session's head, which may be changed and is to be saved then."""
        head = self._heads.get(session)
        if head is None:
            value = self.table.get(f"h/{session}")
            head = Head() if value is None else _head(orjson.loads(value))
            if len(self._heads) >= CACHED_HEADS:
                self._heads.pop(next(iter(self._heads)))
            self._heads[session] = head
        return head

    def save_head(self, session: str, head: Head) -> None:
        """Write a session's head."""
        self.table.put(f"h/{session}", orjson.dumps(head))

    def get(self, session: str, name: str | None) -> Node | None:
        """Return the node of an entry, or None. It is shared: put it back after a change."""
        if name is None:
            return None
        key = f"n/{session}/{name}"
        cached = self._nodes.get(key)
        if cached is not None:
            return cached[0]
        value = self.table.get(key)
        if value is None:
            return None
        node: Node = orjson.loads(value)
        self._remember(key, node, len(value))
        return node

    def put(self, session: str, name: str, node: Node, value: bytes | None = None) -> None:
        """Write the node of an entry; `value` is its encoding where that is known already."""
        key = f"n/{session}/{name}"
        if value is None:
            value = encode(node)
        self.table.put(key, value)
        self._remember(key, node, len(value))

    def resolve(self, session: str, name: str | None) -> tuple[str | None, str | None]:
        """Return the nearest context node and the nearest driving node at or above an entry.

        An entry that is not there (its line was cut away by OpenClaw) is the start of a tree.
        """
        node = self.get(session, name)
        if node is None:
            return None, None
        kind = node.get("k")
        if kind is None:
            return node["p"], node["d"]
        return name, name if kind in DRIVING else node["d"]

    def _remember(self, key: str, node: Node, size: int) -> None:
        known = self._nodes.pop(key, None)
        self._bytes += size - (known[1] if known else 0)
        self._nodes[key] = (node, size)
        while self._bytes > CACHE_BYTES and len(self._nodes) > 1:
            oldest = next(iter(self._nodes))
            self._bytes -= self._nodes.pop(oldest)[1]


def _head(data: dict[str, Any]) -> Head:
    turn = data.pop("turn")
    return Head(**data, turn=None if turn is None else OpenTurn(**turn))
