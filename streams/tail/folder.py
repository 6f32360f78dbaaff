"""One agent's sessions directory: which transcripts and trajectories are in it, and which have
something new."""

from __future__ import annotations

import math
import os
import stat
from collections.abc import Callable, Iterable
from pathlib import Path

from schemas.settings import Tail
from streams.tail.checkpoint import Checkpoint
from streams.tail.guard import Guard
from streams.tail.names import Name, parse_followed
from streams.tail.signature import Signature
from streams.tail.trajectory import Said, Trajectory
from streams.tail.transcript import Generation, Transcript


class Folder:
    """A sessions directory.

    Args:
        root: the state directory.
        agent: whose directory it is.
        checkpoints: those of the files in it.
        number: gives a new file its number.
        tail: the settings.
        guard: decides what of a line may pass.
    """

    def __init__(
        self,
        root: Path,
        agent: str,
        checkpoints: Iterable[Checkpoint],
        number: Callable[[], int],
        tail: Tail,
        guard: Guard,
    ) -> None:
        self.path = str(root / "agents" / agent / "sessions")
        said = Said()
        self._new: Callable[[Name], Transcript] = lambda name: (
            Trajectory(root, agent, number, tail, guard, said)
            if name.trajectory
            else Transcript(root, agent, number, tail, guard)
        )
        self._transcripts: dict[str, Transcript] = {}
        self._files: dict[str, tuple[Generation, Transcript]] = {}
        self._other: set[str] = set()
        for checkpoint in checkpoints:
            name = parse_followed(checkpoint.name)
            if name is not None:
                self._transcript(name).restore(checkpoint, name)

    def _transcript(self, name: Name) -> Transcript:
        transcript = self._transcripts.get(name.transcript)
        if transcript is None:
            transcript = self._transcripts[name.transcript] = self._new(name)
        return transcript

    @property
    def due(self) -> float:
        """When the next marker of a file in it is due."""
        return min((one.due for one in self._transcripts.values()), default=math.inf)

    def look(self, name: str) -> Transcript | None:
        """Look at one file; return its transcript if it has something new.

        Raises:
            LookupError: it is not the file it was; the directory is to be scanned.
        """
        if name not in self._files:
            if parse_followed(name) is None:
                return None
            raise LookupError(name)
        generation, transcript = self._files[name]
        try:
            signature = Signature.of(os.stat(f"{self.path}/{name}"))
        except OSError:
            raise LookupError(name) from None
        if signature.identity != generation.identity:
            raise LookupError(name)
        if generation.unchanged(signature):
            return None
        generation.pending = True
        return transcript

    def scan(self, now: float) -> tuple[list[Transcript], list[Checkpoint]]:
        """Read the directory; return the transcripts that have something new, or a marker due,
        and the checkpoints of files that came or went.

        Raises:
            OSError: the directory can't be read.
        """
        ready: dict[int, Transcript] = {}
        shuffled: set[str] = set()
        seen: dict[str, Signature] = {}
        other: set[str] = set()
        files = self._files
        with os.scandir(self.path) as entries:
            for entry in entries:
                name = entry.name
                known = files.get(name)
                if known is None and (name in self._other or parse_followed(name) is None):
                    other.add(name)
                    continue
                try:
                    result = entry.stat()
                except OSError:
                    # It went while the directory was read, or is a link that leads nowhere.
                    continue
                if not stat.S_ISREG(result.st_mode):
                    continue
                signature = seen[name] = Signature.of(result)
                # Nearly all files nearly always.
                if known is not None and known[0].unchanged(signature) and known[1].due > now:
                    continue
                if known is None or known[0].identity != signature.identity:
                    shuffled.add(_read(name).transcript)
                    continue
                generation, transcript = known
                generation.pending = not generation.unchanged(signature)
                ready[id(transcript)] = transcript
        self._other = other
        shuffled.update(_read(name).transcript for name in files.keys() - seen.keys())
        checkpoints = self._reorder(shuffled, seen, ready, now) if shuffled else []
        return list(ready.values()), checkpoints

    def _reorder(
        self,
        shuffled: set[str],
        seen: dict[str, Signature],
        ready: dict[int, Transcript],
        now: float,
    ) -> list[Checkpoint]:
        names: dict[str, dict[str, tuple[Name, Signature]]] = {key: {} for key in shuffled}
        for text, signature in seen.items():
            name = parse_followed(text)
            if name is not None and name.transcript in names:
                names[name.transcript][text] = (name, signature)
        checkpoints = []
        for key, group in names.items():
            transcript = self._transcript(_read(key))
            checkpoints += transcript.see(group, now)
            self._files = {
                name: pair for name, pair in self._files.items() if pair[1] is not transcript
            }
            for generation in transcript.present:
                generation.pending = True
                self._files[generation.file.path.rpartition("/")[2]] = (generation, transcript)
            ready[id(transcript)] = transcript
        return checkpoints


def _read(name: str) -> Name:
    parsed = parse_followed(name)
    assert parsed is not None
    return parsed
