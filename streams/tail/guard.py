"""What stands between the session files and the topics: secrets are replaced, and what a person
has asked to forget does not pass."""

from __future__ import annotations

import re
from collections.abc import Sequence

from agents.privacy import Redacted, Redactor
from schemas.settings import Settings
from streams.forget.forgotten import Forgotten, read
from streams.forget.home import read_key

_LAST_WORD = re.compile(rb"[^\s\"'\\,;]{1,8192}\Z")


class Guard:
    """Decides over each line.

    Args:
        redactor: replaces secrets; None lets all of them pass.
        forgotten: what is forgotten.
    """

    def __init__(self, redactor: Redactor | None, forgotten: Forgotten) -> None:
        self._redactor = redactor
        self._forgotten = forgotten

    def forgets(self, session: str) -> bool:
        """Whether nothing of the session may pass."""
        return self._forgotten.has_session(session)

    def forgets_line(self, line: bytes) -> bool:
        """Whether a line, as it would pass, is forgotten."""
        return self._forgotten.has_line(line)

    def passes(self, lines: Sequence[bytes]) -> bool:
        """Whether all lines may pass as they are; False if only a look at each will tell."""
        return self._redactor is None or self._redactor.finds_nothing(lines)

    def line(self, line: bytes) -> Redacted:
        """Return the line as it may pass."""
        return Redacted(line, {}) if self._redactor is None else self._redactor.line(line)

    def text(self, data: bytes, *, cut: bool) -> bytes:
        """Return bytes that are no JSON, or the first ones of a line, as they may pass.

        Where they were `cut`, the last word is left out: half a key is not known as one.
        """
        if self._redactor is None:
            return data
        redacted = self._redactor.text(data).data
        return _LAST_WORD.sub(b"", redacted) if cut else redacted


def open_guard(settings: Settings) -> Guard:
    """Return the guard of these settings.

    Raises:
        PrivacyError: its key, or the list of what was forgotten, can't be read.
    """
    home, privacy = settings.paths.home, settings.privacy
    key = read_key(home)
    redactor = (
        Redactor(key, secrets=privacy.secrets, personal=privacy.personal)
        if privacy.secrets or privacy.personal
        else None
    )
    return Guard(redactor, read(home, key))
