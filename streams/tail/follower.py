"""All state directories: what is new in them, read fairly into batches of bounded size."""

from __future__ import annotations

import itertools
import logging
import math
import os
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from schemas.settings import Tail
from streams.tail.checkpoint import Checkpoint
from streams.tail.complaints import Complaints
from streams.tail.folder import Folder
from streams.tail.guard import Guard
from streams.tail.trajectory import Trajectory
from streams.tail.transcript import Batch, Transcript

_log = logging.getLogger(__name__)

BATCH_BYTES = 2 * 1024 * 1024
BATCH_RECORDS = 10_000
SLICE_BYTES = 1024 * 1024


class Follower:
    """Where reading stands in all files. Blocks on the file system: used from one worker thread.

    Args:
        roots: the state directories.
        checkpoints: where an earlier run came to.
        tail: the settings.
        guard: decides what of a line may pass.
        clock: seconds since the epoch, for markers.
        complaints: what was said before, so that a restart of the follower does not repeat it.
    """

    def __init__(
        self,
        roots: Sequence[Path],
        checkpoints: Iterable[Checkpoint],
        tail: Tail,
        guard: Guard,
        clock: Callable[[], float],
        complaints: Complaints | None = None,
    ) -> None:
        self._roots = [Path(os.path.normpath(root)) for root in roots]
        self._tail = tail
        self._guard = guard
        self._clock = clock
        self._complaints = complaints or Complaints(_log)
        self._folders: dict[str, Folder] = {}
        self._stored: dict[tuple[str, str], list[Checkpoint]] = {}
        last = 0
        for checkpoint in checkpoints:
            last = max(last, checkpoint.id)
            self._stored.setdefault((checkpoint.root, checkpoint.agent), []).append(checkpoint)
        self._numbers = itertools.count(last + 1)
        self._ready: deque[Transcript] = deque()
        self._trajectories: deque[Trajectory] = deque()
        self._waiting: set[int] = set()
        self._seen: list[Checkpoint] = []

    @property
    def ready(self) -> bool:
        """Whether there is something to be read or checkpointed."""
        return bool(self._ready or self._trajectories or self._seen)

    @property
    def due(self) -> float:
        """When the next marker is due, by the clock; infinity if none is."""
        return min((folder.due for folder in self._folders.values()), default=math.inf)

    def scan(self) -> None:
        """Read all directories and find what is new."""
        for root in self._roots:
            for agent in self._agents(root):
                self._scan(root, agent)

    def _agents(self, root: Path) -> list[str]:
        path = str(root / "agents")
        try:
            with os.scandir(path) as entries:
                agents = sorted(entry.name for entry in entries)
        except FileNotFoundError:
            self._complaints.say(path, f"{path} is not there yet; waiting for it")
            return []
        except OSError as error:
            self._complain(path, error.strerror)
            return []
        self._complaints.well(path, f"{path} is there now")
        return agents

    def _scan(self, root: Path, agent: str) -> None:
        path = str(root / "agents" / agent / "sessions")
        folder = self._folders.get(path)
        try:
            if folder is None:
                # Most of what may lie beside agents has no sessions: nothing is kept for it.
                os.stat(path)
                folder = self._folders[path] = Folder(
                    root,
                    agent,
                    self._stored.pop((str(root), agent), ()),
                    lambda: next(self._numbers),
                    self._tail,
                    self._guard,
                )
            transcripts, checkpoints = folder.scan(self._clock())
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            self._complain(path, error.strerror)
            return
        self._complaints.well(path)
        self._seen += checkpoints
        for transcript in transcripts:
            self._wake(transcript)

    def look(self, path: str) -> bool:
        """Look at the file a notification named; return False where only a scan will tell."""
        folder = self._folders.get(os.path.dirname(path))
        if folder is None:
            return False
        try:
            transcript = folder.look(os.path.basename(path))
        except LookupError:
            return False
        if transcript is not None:
            self._wake(transcript)
        return True

    def _wake(self, transcript: Transcript) -> None:
        if id(transcript) not in self._waiting:
            self._waiting.add(id(transcript))
            if isinstance(transcript, Trajectory):
                self._trajectories.append(transcript)
            else:
                self._ready.append(transcript)

    def fill(self) -> Batch:
        """Read the next batch: a slice of each transcript in turn, until it is full, and one slice
        of one trajectory: of those hardly anything is published, and a batch that waits to be
        filled by them would hold up the transcripts."""
        batch = Batch()
        for checkpoint in self._seen:
            batch.cover(checkpoint)
        self._seen.clear()
        now = self._clock()
        while self._ready and batch.size < BATCH_BYTES and len(batch.records) < BATCH_RECORDS:
            size = min(SLICE_BYTES, BATCH_BYTES - batch.size)
            self._read(self._ready.popleft(), batch, size, now)
        if self._trajectories:
            self._read(self._trajectories.popleft(), batch, SLICE_BYTES, now)
        for path in batch.read:
            self._complaints.well(path)
        for path, reason in batch.trouble.items():
            self._complain(path, reason)
        return batch

    def _read(self, transcript: Transcript, batch: Batch, size: int, now: float) -> None:
        self._waiting.discard(id(transcript))
        if transcript.read(batch, size, now):
            self._wake(transcript)

    def _complain(self, path: str, reason: str | None) -> None:
        self._complaints.say(
            path,
            f"can't read {path}: {reason}; it is tried again every {self._tail.rescan:g} s. "
            "Check that the user running clawback may read it",
        )
