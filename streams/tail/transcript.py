"""The files of one transcript in their order: those that were put away, then the live one.

A session's records must be in order, so its files are read one after the other, and a session that
was reset ends before the next one of the same name begins.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from schemas.openclaw import file_time_ms
from schemas.settings import Tail
from streams.flow import Outgoing
from streams.tail.chain import Chain
from streams.tail.checkpoint import Checkpoint
from streams.tail.file import FollowedFile, Moved, Unsteady
from streams.tail.guard import Guard
from streams.tail.lines import Line
from streams.tail.markers import due
from streams.tail.names import Name
from streams.tail.records import Records
from streams.tail.signature import Signature

Identity = tuple[int, int]


@dataclass(slots=True)
class Batch:
    """Records to be published together, and what may be checkpointed once they are.

    Attributes:
        size: bytes of the records.
        moved: a file was not where it had been seen; the directories are to be read again.
        trouble: files that could not be read, and why.
        read: files that could be.
    """

    records: list[Outgoing] = field(default_factory=list)
    checkpoints: dict[int, Checkpoint] = field(default_factory=dict)
    size: int = 0
    moved: bool = False
    trouble: dict[str, str] = field(default_factory=dict)
    read: set[str] = field(default_factory=set)

    def add(self, record: Outgoing) -> None:
        """Add a record at the end."""
        self.records.append(record)
        self.size += len(record.value or b"")

    def cover(self, checkpoint: Checkpoint) -> None:
        """Take in how far a file has come with the records added so far."""
        earlier = self.checkpoints.get(checkpoint.id)
        self.checkpoints[checkpoint.id] = checkpoint.after(earlier) if earlier else checkpoint


def assign(
    seen: Mapping[str, Identity], known: Sequence[tuple[str, Identity | None]]
) -> dict[str, int | None]:
    """Say which of the known files of a transcript each file seen is, or that it is new (None).

    A file is known by its inode, which it keeps when it is renamed, else by its name, which it
    keeps when it is replaced. Either may be wrong (inode numbers are used again): what was read
    of it is checked before it is trusted. A second name of one file is left out.

    Args:
        seen: the files there are now: name and identity.
        known: the files there were: last name and identity.
    """
    names = {name for name, _ in known}
    first: dict[Identity, str] = {}
    for name in sorted(seen, key=lambda name: (name not in names, name)):
        first.setdefault(seen[name], name)
    free = dict(enumerate(known))
    result: dict[str, int | None] = {}
    rules: tuple[Callable[[str, tuple[str, Identity | None]], bool], ...] = (
        lambda name, file: file == (name, seen[name]),
        lambda name, file: file[1] == seen[name],
        lambda name, file: file[0] == name,
    )
    for rule in rules:
        for name in first.values():
            if name in result:
                continue
            number = next((number for number, file in free.items() if rule(name, file)), None)
            if number is not None:
                result[name] = number
                del free[number]
    return {name: result.get(name) for name in first.values()}


class Generation:
    """One file of a transcript.

    Attributes:
        number: its own in the checkpoints.
        name: its present or last name, read.
        file: what has been read of it.
        identity: of the file that stands under that name now.
        gone: since when it is missing, None if it is there.
        pending: whether it is to be read.
    """

    __slots__ = ("file", "gone", "identity", "name", "number", "pending")

    def __init__(self, number: int, name: Name, file: FollowedFile, identity: Identity) -> None:
        self.number = number
        self.name = name
        self.file = file
        self.identity = identity
        self.gone: float | None = None
        self.pending = True

    def unchanged(self, now: Signature) -> bool:
        """Whether there is certainly nothing to be read; False if that is not known."""
        file = self.file
        return now == file.signature and file.settled and file.at_end and not self.pending


class Transcript:
    """A transcript and its files.

    Args:
        root: the state directory.
        agent: whose it is.
        number: gives a new file its number.
        tail: the settings.
        guard: decides what of a line may pass.
    """

    def __init__(
        self, root: Path, agent: str, number: Callable[[], int], tail: Tail, guard: Guard
    ) -> None:
        self._guard = guard
        self._root = root
        self._agent = agent
        self._number = number
        self._tail = tail
        self._folder = root / "agents" / agent / "sessions"
        self.present: list[Generation] = []
        self.absent: list[Generation] = []
        self.due = math.inf
        """When the next marker is due, by the tailer's clock."""

    def restore(self, checkpoint: Checkpoint, name: Name) -> None:
        """Take up a file where its checkpoint has it. It is missing until it is seen."""
        file = FollowedFile(
            str(self._folder / checkpoint.name),
            Chain(checkpoint.segments, checkpoint.stops),
            signature=checkpoint.signature,
            at_end=checkpoint.at_end,
            settled=checkpoint.settled,
            grown=checkpoint.grown,
            marked=checkpoint.marked,
        )
        identity = checkpoint.signature.identity if checkpoint.signature else (0, 0)
        generation = Generation(checkpoint.id, name, file, identity)
        generation.gone = checkpoint.gone
        self.absent.append(generation)

    def see(self, names: Mapping[str, tuple[Name, Signature]], now: float) -> list[Checkpoint]:
        """Take in which files there are; return the checkpoints of those that went or came."""
        known = self.present + self.absent
        places = assign(
            {name: signature.identity for name, (_, signature) in names.items()},
            [(_file_name(one), one.identity) for one in known],
        )
        present = []
        for text, place in places.items():
            name, signature = names[text]
            if place is None:
                file = FollowedFile(str(self._folder / text), Chain())
                one = Generation(self._number(), name, file, signature.identity)
            else:
                one = known[place]
                one.name, one.identity = name, signature.identity
                one.file.path = str(self._folder / text)
            present.append(one)
        changed = [one for one in present if one.gone is not None]
        for one in changed:
            one.gone = None
        self.present = sorted(present, key=lambda one: one.name.age)
        self.absent = [one for one in known if one not in present]
        for one in self.absent:
            if one.gone is None:
                one.gone = now
                changed.append(one)
        return [self._checkpoint(one) for one in changed]

    def read(self, batch: Batch, slice_bytes: int, now: float) -> bool:
        """Add the next lines and markers to the batch; return whether there are more."""
        self.due = math.inf
        for one in self.present:
            if one.pending and not self._read(one, batch, slice_bytes):
                continue
            if not one.file.at_end:
                return True
            one.pending = False
            self._mark(one, batch, now)
        return False

    def _read(self, one: Generation, batch: Batch, slice_bytes: int) -> bool:
        file = one.file
        offset, signature = file.offset, file.signature
        try:
            lines = file.read(
                one.identity, slice_bytes=slice_bytes, max_line=self._tail.max_line_bytes
            )
        except (Moved, FileNotFoundError):
            batch.moved = True
            return False
        except Unsteady:
            return False
        except OSError as error:
            batch.trouble[file.path] = error.strerror or str(error)
            return False
        batch.read.add(file.path)
        for record in self._made(one, lines):
            batch.add(record)
        if lines or (offset, signature) != (file.offset, file.signature):
            batch.cover(self._checkpoint(one))
        return True

    def _made(self, one: Generation, lines: Sequence[Line]) -> Iterator[Outgoing]:
        """Yield the records of lines."""
        return self._records(one).of_lines(lines, self._tail.max_line_bytes)

    def _mark(self, one: Generation, batch: Batch, now: float) -> None:
        markers, wait = due(
            ends=one.name.ends,
            last=one is self.present[-1],
            empty=one.file.offset == 0,
            marked=one.file.marked,
            idle=now - one.file.grown,
            quiet=self._tail.quiet,
            abandoned=self._tail.abandoned,
        )
        self.due = min(self.due, now + wait)
        if markers and not one.file.stands():
            # It has changed since it was looked at, as when the machine slept in between: what it
            # says now comes first.
            self.due = now
        elif markers:
            records = self._records(one)
            for marker in markers if not records.forgotten else ():
                at_ms = file_time_ms(one.name.time) if marker.kind == "ended" else None
                batch.add(records.marker(marker.kind, one.file.offset, marker.quiet_seconds, at_ms))
            one.file.marked = markers[-1].level
            batch.cover(self._checkpoint(one))

    def _records(self, one: Generation) -> Records:
        return Records(
            source=str(self._folder / one.name.transcript),
            file=f"agents/{self._agent}/sessions/{one.name.transcript}",
            agent=self._agent,
            session=one.name.session,
            inode=one.identity[1],
            guard=self._guard,
        )

    def _checkpoint(self, one: Generation) -> Checkpoint:
        file = one.file
        kept, file.kept = file.kept, file.chain.closed
        return Checkpoint(
            id=one.number,
            root=str(self._root),
            agent=self._agent,
            name=_file_name(one),
            signature=file.signature,
            at_end=file.at_end,
            settled=file.settled,
            grown=file.grown,
            marked=file.marked,
            gone=one.gone,
            stops=tuple(file.chain.stops),
            kept=kept,
            segments=tuple(file.chain.segments(kept)),
        )


def _file_name(one: Generation) -> str:
    return one.file.path.rpartition("/")[2]
