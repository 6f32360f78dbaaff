"""The launcher as a child process, on a leash: it does not outlive whoever started it."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from contextlib import suppress
from pathlib import Path

from trainer.launch.ending import Ending, ending_of
from trainer.launch.launch import Launch


class Launcher:
    """A launch under way; made by `start`."""

    def __init__(self, process: Process, folder: Path) -> None:
        self._process = process
        self._folder = folder

    @classmethod
    async def start(cls, launch: Launch, log: Path | None = None) -> Launcher:
        """Write the launch into its folder and start it.

        Args:
            launch: what to launch.
            log: where what it says goes, appended; to this process's standard error without one.

        Raises:
            OSError: the folder can't be written, or no process be started.
        """
        path = launch.write()
        said = log.open("ab") if log is not None else None
        try:
            # Its standard input is the leash: the kernel closes our end with us.
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "trainer.launch", "--leash", str(path)),
                stdin=PIPE,
                stdout=DEVNULL,
                stderr=said,
                start_new_session=True,
            )
        finally:
            if said is not None:
                said.close()
        return cls(process, launch.folder)

    @property
    def pid(self) -> int:
        """The launcher's process id."""
        return self._process.pid

    def stop(self) -> None:
        """Have it end the run: ranks may take the launch's grace, then `wait` returns."""
        with suppress(ProcessLookupError):
            self._process.terminate()

    async def wait(self) -> Ending:
        """Return how it ended, once it has."""
        return ending_of(self._folder, await self._process.wait())
