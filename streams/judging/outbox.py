"""Publishing beside the judge's work, as many answers at once as have come meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from schemas.judgement import Judgement


@dataclass(frozen=True, slots=True)
class Letter:
    """An answer, as it is and as it is published, the partition that it goes to, and whoever
    waits for it to be there."""

    partition: int
    judgement: Judgement
    value: bytes
    sent: asyncio.Future[None] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )


class Outbox:
    """Sends letters with `send`, which gets all that wait; nothing is sent while it works."""

    def __init__(self, send: Callable[[Sequence[Letter]], Awaitable[None]]) -> None:
        self._send = send
        self._waiting: list[Letter] = []
        self._task: asyncio.Task[None] | None = None

    async def send(self, letter: Letter) -> None:
        """Return once the letter is published.

        Raises:
            BrokerError: it is not, and none of those that went with it.
        """
        self._waiting.append(letter)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._deliver())
        await letter.sent

    async def flush(self) -> None:
        """Wait until nothing is under way."""
        if self._task is not None:
            await asyncio.wait([self._task])

    async def _deliver(self) -> None:
        while self._waiting:
            letters, self._waiting = self._waiting, []
            try:
                await self._send(letters)
            except Exception as error:  # noqa: BLE001 - it is raised again where each one waits
                for letter in letters:
                    if not letter.sent.done():
                        letter.sent.set_exception(error)
            else:
                for letter in letters:
                    if not letter.sent.done():
                        letter.sent.set_result(None)
