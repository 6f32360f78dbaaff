"""Child processes of the launcher. Each of them ends by itself when the launcher dies."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

CHUNK = 256 * 1024
REAPING = 5.0
"""Seconds that a killed process may take to be gone."""

LAST = 2000
"""Characters of what a process complains that are kept."""


_EMPTY_WORDS = ("tar: Exiting with", "tar: Error is not", "tar: Error exit", "rsync error:")
"""How complaints begin that only say that there was one."""


@dataclass(frozen=True, slots=True)
class Ran:
    """What a command came to. A negative code is a signal's."""

    code: int
    printed: str
    complained: str

    @property
    def last(self) -> str:
        """The last line it complained with, or how it ended."""
        lines = [
            line.strip()
            for line in self.complained.splitlines()
            if line.strip() and not line.startswith(_EMPTY_WORDS)
        ]
        return lines[-1] if lines else f"exit code {self.code}"


@asynccontextmanager
async def started(command: Sequence[str], *, stdout: int = PIPE) -> AsyncIterator[Process]:
    """Start a command, and kill its process group where the block is left before it has ended.

    Its standard input is a pipe from this process, by which it notices our end.

    Raises:
        OSError: there is no such program.
    """
    process = await asyncio.create_subprocess_exec(
        *command, stdin=PIPE, stdout=stdout, stderr=PIPE, start_new_session=True, limit=CHUNK
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            # It waits for all who hold the pipes, too, and one may have left the group.
            with suppress(TimeoutError):
                async with asyncio.timeout(REAPING):
                    await process.wait()


async def ran(command: Sequence[str], seconds: float) -> Ran:
    """Run a command to its end.

    Raises:
        TimeoutError: it took longer.
        OSError: there is no such program.
    """
    async with started(command) as process, asyncio.timeout(seconds):
        assert process.stdout is not None
        assert process.stderr is not None
        printed, complained = await asyncio.gather(process.stdout.read(), process.stderr.read())
        code = await process.wait()
    return Ran(code, _text(printed), _text(complained)[-LAST:])


async def piped(source: Sequence[str], target: Sequence[str]) -> Ran | None:
    """Run two commands, the second of which reads what the first one prints; return the one that
    failed, None if neither did.

    What flows passes through this process, so that both see its end.

    Raises:
        OSError: there is no such program.
    """
    async with started(source) as giving, started(target, stdout=DEVNULL) as taking:
        assert giving.stdout is not None
        assert giving.stderr is not None
        assert taking.stdin is not None
        assert taking.stderr is not None
        said = asyncio.gather(giving.stderr.read(), taking.stderr.read())
        # A taker that has ended is told by its exit code.
        with suppress(BrokenPipeError, ConnectionResetError):
            while piece := await giving.stdout.read(CHUNK):
                taking.stdin.write(piece)
                await taking.stdin.drain()
        taking.stdin.close()
        taken = await taking.wait()
        if taken and giving.returncode is None:
            giving.kill()
        codes = (await giving.wait(), taken)
        texts = [_text(each)[-LAST:] for each in await said]
    failed = [Ran(code, "", text) for code, text in zip(codes, texts, strict=True) if code]
    if not failed:
        return None
    # One that was killed above is not the one to blame.
    return failed[0] if failed[0].code > 0 else failed[-1]


def leashed(command: Sequence[str]) -> list[str]:
    """Return a command that ends together with this process, though it does not read its input."""
    return [sys.executable, "-m", "trainer.launch.leashed", *command]


def _text(printed: bytes) -> str:
    return printed.decode("utf-8", "replace")
