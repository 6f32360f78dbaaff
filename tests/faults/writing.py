"""Sessions that are written while the line runs: what is written when, and what stands at the end.

The end result must not depend on when the line happened to look, so what is written leaves no room
for that, just as the line's rules demand. Two turns of a session lie either far apart by their
entries' own times (then the first one closes because of the silence, whoever sees it first: the
tailer's marker or the extractor), or close together; then the first one's answer and the message
that closes it are written at once, so that no marker can come between them.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from agents.extract.files import extract_file
from schemas.settings import Extract, Tail
from tests.support.sessions import COMPLAINTS, REQUESTS, THANKS, Session, work

QUIET = 3.0
"""Seconds: `tail.quiet` of these runs."""

ABANDONED = 3600.0
"""Seconds: `tail.abandoned` of these runs; no test waits so long."""

CLOSE_MS = 1_000
APART_MS = 40_000
START_MS = 1_772_000_000_000
HEARTBEAT = (
    "Read HEARTBEAT.md if it exists (workspace context). Follow it strictly. "
    "If nothing needs attention, reply HEARTBEAT_OK."
)


@dataclass(frozen=True, slots=True)
class Append:
    """Bytes that are appended with one write; the file is made if it is not there."""

    name: str
    data: bytes

    def do(self, folder: Path) -> None:
        """Write them."""
        with (folder / self.name).open("ab", buffering=0) as file:
            file.write(self.data)


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """Lines that OpenClaw takes back at once, as nothing needed attention."""

    name: str
    data: bytes
    seconds: float

    def do(self, folder: Path) -> None:
        """Write them, and cut the file to what it was."""
        with (folder / self.name).open("ab", buffering=0) as file:
            size = file.seek(0, os.SEEK_END)
            file.write(self.data)
            time.sleep(self.seconds)
            file.truncate(size)


@dataclass(frozen=True, slots=True)
class Reset:
    """A session that is reset: its file gets another name, at once after these bytes."""

    name: str
    data: bytes
    new: str

    def do(self, folder: Path) -> None:
        """Write the answer and rename the file."""
        with (folder / self.name).open("ab", buffering=0) as file:
            file.write(self.data)
        (folder / self.name).rename(folder / self.new)


Step = Append | Heartbeat | Reset


@dataclass
class Script:
    """One session's steps, and the bytes that it has in the end under the name it has then."""

    name: str
    steps: list[Step] = field(default_factory=list)
    data: bytes = b""


class Sessions:
    """Some sessions made from a seed: `steps` in the order they are done, and what is to come of
    it.

    Args:
        seed: of all chance.
        sessions: how many; of each four one is reset at its end, and one is forked in the middle.
        turns: of each session.
    """

    def __init__(self, seed: int, *, sessions: int = 8, turns: int = 12) -> None:
        self._dice = random.Random(f"sessions {seed}")
        made = [each for n in range(sessions) for each in self._scripts(seed, n, turns)]
        self.final = {script.name: script.data for script in made}
        self.steps = list(self._merged(made))

    def write_all(self, folder: Path) -> None:
        """Write what stands at the end, at once."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in self.final.items():
            (folder / name).write_bytes(data)

    def turn_ids(self, scratch: Path) -> set[str]:
        """Return the ids of all turns, as `clawback extract` finds them in the files."""
        folder = scratch / "agents" / "main" / "sessions"
        self.write_all(folder)
        tail = Tail(quiet=QUIET, abandoned=ABANDONED)
        return {
            turn.id
            for path in folder.iterdir()
            for turn in extract_file(path, Extract(), tail).turns
        }

    def _scripts(self, seed: int, number: int, turns: int) -> Iterator[Script]:
        dice = self._dice
        forked = turns // 2 if number % 4 == 1 else None
        name = f"{seed:08x}-{number:04x}-4000-8000-000000000000"
        session = Session(name, START_MS + (seed * 64 + number) * 20_000_000)
        script = Script(f"{name}.jsonl")
        pieces = _Pieces(dice, script)
        reset = number % 4 == 3
        at_once = dice.random() < 0.5
        for turn in range(turns):
            session.user(_asked(dice))
            # What closed the turn before stands behind its answer in one write.
            pieces.take(session)
            work(dice, session, 300)
            if turn == forked:
                yield self._fork(session)
            last = turn == turns - 1
            close = dice.random() < 0.5 and not last
            session.wait(CLOSE_MS if close else APART_MS)
            if close or (last and reset and at_once):
                pieces.hold(session)
                continue
            pieces.take(session)
            if dice.random() < 0.1:
                pieces.line(b'{"type":"message","id":"torn\n')
            if dice.random() < 0.3:
                script.steps.append(_heartbeat(dice, session, script.name))
        if reset:
            moment = datetime.fromtimestamp(session.clock / 1000, UTC)
            pieces.reset(f"{script.name}.reset.{moment:%Y-%m-%dT%H-%M-%S}.000Z")
        yield script

    def _fork(self, parent: Session) -> Script:
        """Copy a session as it is, and let the user go on in the copy with other words.

        It is written at any time, even before what it is a copy of.
        """
        dice = self._dice
        moment = datetime.fromtimestamp(parent.clock / 1000, UTC)
        name = f"f{parent.id[1:]}"
        parent.wait(1)
        session = parent.fork(name)
        script = Script(f"{moment:%Y-%m-%dT%H-%M-%S}-000Z_{name}.jsonl")
        pieces = _Pieces(dice, script)
        for _ in range(3):
            if dice.random() < 0.5:
                session.wait(CLOSE_MS + 100)
                pieces.hold(session)
            else:
                session.wait(APART_MS + 100)
                pieces.take(session)
            session.user(f"{dice.choice(COMPLAINTS)}. {dice.choice(REQUESTS)}")
            pieces.take(session)
            work(dice, session, 300)
        session.wait(APART_MS)
        pieces.take(session)
        return script

    def _merged(self, scripts: list[Script]) -> Iterator[Step]:
        """Yield the steps of all sessions, each session's in their order."""
        left = [list(reversed(script.steps)) for script in scripts]
        while left := [steps for steps in left if steps]:
            yield self._dice.choice(left).pop()


class _Pieces:
    """Cuts what is appended to a session into writes, at any byte where that is allowed."""

    def __init__(self, dice: random.Random, script: Script) -> None:
        self._dice = dice
        self._script = script
        self._lines = 0
        self._held = b""

    def take(self, session: Session) -> None:
        """Write the session's new lines; what was held goes together with the first of them."""
        lines = self._new(session)
        if self._held:
            self.line(self._held + lines.pop(0))
            self._held = b""
        self._cut(b"".join(lines))

    def hold(self, session: Session) -> None:
        """Write the new lines but for the last, which waits for what comes next."""
        *lines, self._held = self._new(session)
        self._cut(b"".join(lines))

    def reset(self, name: str) -> None:
        """Put the session away under this name, with what was held as its last line."""
        self._script.data += self._held
        self._script.steps.append(Reset(self._script.name, self._held, name))
        self._script.name = name

    def line(self, data: bytes) -> None:
        """Append bytes with one write."""
        self._script.data += data
        self._script.steps.append(Append(self._script.name, data))

    def _cut(self, data: bytes) -> None:
        while data:
            size = self._dice.randrange(1, 2_000)
            self.line(data[:size])
            data = data[size:]

    def _new(self, session: Session) -> list[bytes]:
        lines = [line + b"\n" for line in session.lines[self._lines :]]
        self._lines = len(session.lines)
        return lines


def _asked(dice: random.Random) -> str:
    """Return what a user says: seldom enough something new for answers to be compared."""
    words = dice.choice(REQUESTS)
    chance = dice.random()
    if chance < 0.15:
        return f"{dice.choice(THANKS)} {words}"
    if chance < 0.3:
        return f"{dice.choice(COMPLAINTS)}. {words}"
    return words


def _heartbeat(dice: random.Random, session: Session, name: str) -> Heartbeat:
    with session.taken_back() as lines:
        session.user(HEARTBEAT)
        session.assistant("HEARTBEAT_OK")
    session.wait(APART_MS)
    return Heartbeat(name, b"".join(line + b"\n" for line in lines), dice.choice((0.0, 0.014, 0.2)))
