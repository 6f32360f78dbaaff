"""What has been forgotten, so that reading a session file again does not bring it back.

`privacy/forgotten.jsonl` has one line for each time that something was forgotten. No text stands
in it: sessions by their ids, lines and patterns by digests keyed with the home's key, which can't
be tried out without it. A line is known again by what it says, not by where it stands, because
OpenClaw copies lines into other files when it forks or compacts a session.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from hashlib import blake2b
from pathlib import Path

from pydantic import ValidationError

from schemas.record import Record
from streams.forget.home import PrivacyError, folder

DIGEST_BYTES = 16


class Forgetting(Record):
    """One time that something was forgotten (`at_ms`, epoch milliseconds).

    `session` is the session, where one was named; `pattern` the pattern's digest, where that was
    given. `lines` are the digests of the log lines that went, and of the definitions of tools.
    """

    at_ms: int
    session: str = ""
    pattern: str = ""
    lines: tuple[str, ...] = ()


class Forgotten:
    """What a home has forgotten.

    Args:
        key: the home's.
        before: every time that something was forgotten.
    """

    def __init__(self, key: bytes, before: Iterable[Forgetting] = ()) -> None:
        self._key = key
        self._sessions: set[str] = set()
        self._lines: set[bytes] = set()
        for one in before:
            self.add(one)

    def add(self, one: Forgetting) -> None:
        """Take in what was forgotten once more."""
        if one.session:
            self._sessions.add(one.session)
        self._lines.update(bytes.fromhex(line) for line in one.lines)

    def has_session(self, session: str) -> bool:
        """Whether the whole session is forgotten."""
        return session in self._sessions

    def has_line(self, line: bytes) -> bool:
        """Whether a redacted line is forgotten, in whatever session it stands."""
        return bool(self._lines) and self._digest(line) in self._lines

    def digest(self, text: bytes) -> str:
        """Return the digest by which a line or a pattern is known again."""
        return self._digest(text).hex()

    def _digest(self, text: bytes) -> bytes:
        return blake2b(
            text, key=self._key, digest_size=DIGEST_BYTES, person=b"clawback forget"
        ).digest()


def read(home: Path, key: bytes) -> Forgotten:
    """Return what the home has forgotten.

    Raises:
        PrivacyError: the list can't be read. Nothing may be tailed then: it could come back.
    """
    path = _path(home)
    try:
        lines = path.read_bytes().splitlines() if path.exists() else []
        return Forgotten(key, [Forgetting.from_bytes(line) for line in lines if line.strip()])
    except OSError as error:
        raise PrivacyError(f"can't read {path}: {error.strerror or error}") from error
    except (ValidationError, ValueError) as error:
        raise PrivacyError(
            f"{path} is damaged; mend or restore it: without it, what was forgotten would be read "
            "again"
        ) from error


def write(home: Path, one: Forgetting) -> None:
    """Add to the list, durably.

    Raises:
        PrivacyError: it can't be written; nothing was forgotten.
    """
    path = _path(home)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_APPEND, 0o600)
        try:
            size = os.fstat(descriptor).st_size
            # A crash may have left half a line, which then ends here.
            torn = size and os.pread(descriptor, 1, size - 1) != b"\n"
            if torn:
                os.ftruncate(descriptor, _whole(descriptor, size))
            with os.fdopen(os.dup(descriptor), "ab") as file:
                file.write(one.to_bytes() + b"\n")
                file.flush()
                os.fsync(file.fileno())
        finally:
            os.close(descriptor)
    except OSError as error:
        raise PrivacyError(f"can't write {path}: {error.strerror or error}") from error


def _whole(descriptor: int, size: int) -> int:
    return os.pread(descriptor, size, 0).rfind(b"\n") + 1


def _path(home: Path) -> Path:
    return folder(home) / "forgotten.jsonl"
