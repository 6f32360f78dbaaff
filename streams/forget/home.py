"""What privacy keeps under `paths.home`: a key, and what has been forgotten.

Both lie in `privacy/` and may be read by their owner alone.
"""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path

from agents.privacy.redactor import KEY_BYTES


class PrivacyError(Exception):
    """The key, or the list of what was forgotten, can't be read. The message says what to do."""


def folder(home: Path) -> Path:
    """Return where it is kept."""
    return home / "privacy"


def journal_path(home: Path) -> Path:
    """Return the file that says, while it is there, that topics on Kafka are being rewritten."""
    return folder(home) / "rewriting.json"


def read_key(home: Path) -> bytes:
    """Return the key of this home, made at the first call.

    It makes the tags in placeholders and the digests of forgotten lines, so that neither tells
    anything to who does not have it. With another key the same secrets get other placeholders,
    and what was forgotten is no longer known again.

    Raises:
        PrivacyError: it can't be made or read, or is none.
    """
    path = folder(home) / "key"
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():
            _make(path)
        key = path.read_bytes()
    except OSError as error:
        raise PrivacyError(
            f"can't keep the key of the placeholders in {path}: {error.strerror or error}; "
            "make its folder writable, or set paths.home to one that is"
        ) from error
    if len(key) != KEY_BYTES:
        raise PrivacyError(
            f"{path} is no key: it has {len(key)} bytes, not {KEY_BYTES}; take it from a backup, "
            "or remove it, and secrets get other placeholders from then on"
        )
    return key


def _make(path: Path) -> None:
    # Whole or not at all, and the first of two processes wins.
    temporary = path.with_name(f".key.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    try:
        os.write(descriptor, secrets.token_bytes(KEY_BYTES))
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    try:
        with suppress(FileExistsError):
            os.link(temporary, path)
    finally:
        temporary.unlink()
