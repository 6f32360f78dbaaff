"""A state directory, a broker that remembers, and a tailer between them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from schemas import DeadLetter, Entry
from schemas.settings import Paths, Settings, Tail
from schemas.topics import DEADLETTERS, ENTRIES
from streams.flow import BrokerError, Outgoing
from streams.tail.checkpoint import Checkpoints
from streams.tail.tailer import Tailer

SESSION = "11111111-2222-4333-8444-555555555555"


class Broker:
    """Keeps what is published. `refuse` says how many of the next calls fail; a refused call has
    still taken the first `partly` records, as a connection that breaks does."""

    def __init__(self) -> None:
        self.records: list[Outgoing] = []
        self.refuse = 0
        self.partly = 0

    async def publish(self, records: Sequence[Outgoing]) -> None:
        await asyncio.sleep(0)
        if self.refuse:
            self.refuse -= 1
            self.records += records[: self.partly]
            raise BrokerError("the connection broke")
        self.records += records

    @property
    def entries(self) -> list[Entry]:
        return [Entry.from_bytes(one.value or b"") for one in self.records if one.topic == ENTRIES]

    @property
    def letters(self) -> list[DeadLetter]:
        return [
            DeadLetter.from_bytes(one.value or b"")
            for one in self.records
            if one.topic == DEADLETTERS
        ]

    def said(self) -> list[object]:
        """What the entries say, in order: the `n` of a line, or the kind of a marker."""
        return [
            one.entry["n"] if one.entry is not None else (one.kind, one.quiet_seconds)
            for one in self.entries
        ]

    def lines(self) -> list[object]:
        """The `n` of the lines, in order."""
        return [one.entry["n"] for one in self.entries if one.entry is not None]


class World:
    """A state directory under `folder` and its tailer, on a clock that the test sets."""

    def __init__(self, folder: Path, home: Path | None = None, **tail: object) -> None:
        self.root = folder / "openclaw"
        self.sessions = self.root / "agents" / "main" / "sessions"
        self.file = self.sessions / f"{SESSION}.jsonl"
        self.trajectory = self.sessions / f"{SESSION}.trajectory.jsonl"
        home = home or folder / "home"
        self.database = home / "tail.db"
        self.settings = Settings(
            paths=Paths(openclaw=(self.root,), home=home),
            tail=Tail.model_validate({"quiet": "60s"} | tail),
        )
        self.broker = Broker()
        self.now = 0.0
        self.tailer = self._started()

    def _started(self) -> Tailer:
        self.checkpoints = Checkpoints(self.database)
        return Tailer(self.settings, self.broker, self.checkpoints, clock=lambda: self.now)

    def make(self) -> World:
        """Make the directory of the agent `main`."""
        self.sessions.mkdir(parents=True)
        return self

    def restart(self) -> None:
        """Kill the tailer and start another: only the checkpoints are left."""
        self.close()
        self.tailer = self._started()

    def close(self) -> None:
        self.tailer.close()
        self.checkpoints.close()

    async def drain(self) -> list[object]:
        """Have everything published, and return the lines of it that are new."""
        before = len(self.broker.lines())
        await self.tailer.drain()
        return self.broker.lines()[before:]


def line(n: object, pad: int = 0) -> bytes:
    """A line that says `n`, of at least `pad` bytes."""
    return b'{"n":%s,"pad":"%s"}\n' % (str(n).encode(), b"x" * pad)


def lines(*numbers: int, pad: int = 0) -> bytes:
    """Lines that say these numbers."""
    return b"".join(line(n, pad) for n in numbers)
