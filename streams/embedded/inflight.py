"""How many bytes of large records a consumer has handed out and nobody has let go of yet.

Faust bounds its buffers by the number of events; a few thousand records of 8 MB would still fit.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable

#: Smaller records are bounded well enough by their number, and cost nothing here.
LARGE_BYTES = 64 * 1024


class Inflight:
    """Counts the values of large messages for as long as the messages live.

    Args:
        limit: bytes beyond which `room` is 0.
        on_release: called when some of them have been let go.
    """

    def __init__(self, limit: int, on_release: Callable[[], None]) -> None:
        self._limit = limit
        self._on_release = on_release
        self._held: dict[weakref.ref[object], int] = {}
        self._bytes = 0

    @property
    def room(self) -> int:
        """Bytes that may still be handed out."""
        return max(self._limit - self._bytes, 0)

    def add(self, message: object, size: int) -> None:
        """Count a message's bytes until it is garbage."""
        if size >= LARGE_BYTES:
            self._held[weakref.ref(message, self._release)] = size
            self._bytes += size

    def _release(self, message: weakref.ref[object]) -> None:
        self._bytes -= self._held.pop(message)
        self._on_release()
