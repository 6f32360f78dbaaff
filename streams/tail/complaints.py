"""Saying once what is wrong, and once that it is over."""

from __future__ import annotations

import logging


class Complaints:
    """What has been said and still holds, by what it is about.

    Args:
        log: where it is said.
    """

    def __init__(self, log: logging.Logger) -> None:
        self._log = log
        self._said: set[str] = set()

    def say(self, about: str, message: str) -> None:
        """Warn, unless that has been done since it last was well."""
        if about not in self._said:
            self._said.add(about)
            self._log.warning("%s", message)

    def well(self, about: str, message: str = "") -> None:
        """Take it that nothing is wrong any more; say `message` if something was."""
        if about in self._said:
            self._said.discard(about)
            self._log.info("%s", message or f"{about} can be read again")
