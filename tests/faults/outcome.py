"""What a run has brought: all that has to be the same, whatever was killed meanwhile."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import orjson


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of a run.

    Attributes:
        files: bytes of the turn files and the pair file, by their path.
        verdicts: the last revision of each verdict, by its id.
        pairs: the pairs on the topic that no tombstone took back, by their id.
        letters: ids of the dead letters that do not name a temporary directory.
    """

    files: dict[str, bytes]
    verdicts: dict[str, bytes]
    pairs: dict[str, bytes]
    letters: frozenset[str]

    @property
    def digest(self) -> str:
        """Return what is equal for equal outcomes, and for no others."""
        hasher = blake2b(digest_size=16)
        for part in (self.files, self.verdicts, self.pairs):
            for name in sorted(part):
                hasher.update(b"%d %s %d " % (len(name), name.encode(), len(part[name])))
                hasher.update(part[name])
            hasher.update(b"\0")
        hasher.update(" ".join(sorted(self.letters)).encode())
        return hasher.hexdigest()

    def differences(self, expected: Outcome) -> list[str]:
        """Say in what this differs from what was expected; empty if it does not."""
        found: list[str] = []
        for kind in ("files", "verdicts", "pairs"):
            ours, theirs = getattr(self, kind), getattr(expected, kind)
            found += [f"{kind}: {name} is missing" for name in sorted(theirs.keys() - ours.keys())]
            found += [f"{kind}: {name} is too much" for name in sorted(ours.keys() - theirs.keys())]
            for name in sorted(ours.keys() & theirs.keys()):
                if ours[name] != theirs[name]:
                    found.append(f"{kind}: {name}: {_difference(ours[name], theirs[name])}")
        if self.letters != expected.letters:
            found.append(f"dead letters: {len(self.letters)}, not {len(expected.letters)}")
        return found


def _difference(ours: bytes, theirs: bytes) -> str:
    ours_lines, theirs_lines = ours.splitlines(), theirs.splitlines()
    if len(ours_lines) != len(theirs_lines):
        return f"{len(ours_lines)} lines, not {len(theirs_lines)}"
    for number, (one, other) in enumerate(zip(ours_lines, theirs_lines, strict=True), 1):
        if one != other:
            return f"line {number}: {_fields(one, other)}"
    return "line ends"


def _fields(one: bytes, other: bytes) -> str:
    ours, theirs = orjson.loads(one), orjson.loads(other)
    names = [name for name in ours | theirs if ours.get(name) != theirs.get(name)]
    return "; ".join(f"{name} is {ours.get(name)!r}, not {theirs.get(name)!r}" for name in names)


def files_of(output: Path) -> dict[str, bytes]:
    """Return the files that the sinks have written, and whatever else lies beside them."""
    return {
        str(path.relative_to(output)): path.read_bytes()
        for folder in ("turns", "pairs")
        for path in sorted((output / folder).glob("*"))
    }
