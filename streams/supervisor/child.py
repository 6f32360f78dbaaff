"""One process that is kept alive."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress

from streams.supervisor.backoff import LOOPING, Backoff
from streams.supervisor.leash import LEASH
from streams.supervisor.lines import Lines, Splitter
from streams.supervisor.plan import ProcessSpec
from streams.supervisor.state import Phase, ProcessState

LEAN = {"MALLOC_ARENA_MAX": "1"}
"""With an arena for each thread, glibc keeps a fifth more memory; other libraries ignore it."""

LAST_LINES = 8
CHUNK = 64 * 1024
OUTPUT_PATIENCE = 0.5


class Child:
    """Starts a process, waits for its end, and starts it again, until it is told to stop.

    `keep` runs until then. Nothing polls: the kernel says when a process has ended.
    """

    def __init__(
        self,
        spec: ProcessSpec,
        command: Sequence[str],
        *,
        backoff: Backoff,
        lines: Lines,
        changed: Callable[[], None],
    ) -> None:
        self.state = ProcessState(spec.name, spec.stages, since_ms=_now_ms())
        self._command = command
        self._backoff = backoff
        self._lines = lines
        self._changed = changed
        self._stopping = asyncio.Event()
        self._process: asyncio.subprocess.Process | None = None
        self._last: deque[str] = deque(maxlen=LAST_LINES)

    async def keep(self) -> None:
        """Keep the process alive until `stop`."""
        while not self._stopping.is_set():
            began = time.monotonic()
            try:
                ended = await self._live()
            except OSError as error:
                ended = f"could not be started: {error}"
            if self._stopping.is_set():
                self.state.last_exit = ended
                break
            await self._wait_after(ended, time.monotonic() - began)
        self._enter("stopped", None)

    def stop(self) -> None:
        """Ask the process to finish, and do not start it again."""
        if not self._stopping.is_set():
            self._stopping.set()
            if self._process is not None:
                self._enter("stopping", self._process.pid)
                with suppress(ProcessLookupError):
                    self._process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End the process and what it started at once."""
        self._stopping.set()
        self.replace()

    def replace(self) -> None:
        """End the process at once, whatever it is at or hangs in; it is started again."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)

    async def _live(self) -> str:
        """Run the process to its end and return how it ended."""
        ours, theirs = socket.socketpair()
        # Not asyncio's own pipe: its `wait` returns only when every holder of that pipe is gone,
        # and what the process itself started may hold it for long.
        reading, writing = os.pipe()
        try:
            # A group of its own: Ctrl-C in the terminal is for the supervisor, which drains.
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=theirs.fileno(),
                stdout=writing,
                stderr=writing,
                env={**LEAN, **os.environ, LEASH: "0"},
                process_group=0,
            )
        except OSError:
            ours.close()
            os.close(reading)
            raise
        finally:
            theirs.close()
            os.close(writing)
        self._last.clear()
        self.state.ready = []
        self.state.paused = []
        self._enter("crash-looping" if self._backoff.looping else "starting", self._process.pid)
        if self._stopping.is_set():
            # Told to stop while it was being started.
            self._process.send_signal(signal.SIGTERM)
        return await self._attend(self._process, ours, reading)

    async def _attend(
        self, process: asyncio.subprocess.Process, leash: socket.socket, pipe: int
    ) -> str:
        loop = asyncio.get_running_loop()
        leash.setblocking(False)
        loop.add_reader(leash, self._hear, leash)
        recovery = loop.call_later(self._backoff.healthy, self._recovered)
        output = asyncio.create_task(self._read(pipe))
        try:
            status = await process.wait()
            await asyncio.wait({output}, timeout=OUTPUT_PATIENCE)
        finally:
            recovery.cancel()
            output.cancel()
            loop.remove_reader(leash)
            leash.close()
            self._process = None
        return _described(status)

    async def _read(self, pipe: int) -> None:
        """Take in the lines that come through `pipe`, to its end, and close it."""
        reader = asyncio.StreamReader(CHUNK)
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(pipe, "rb", 0)
        )
        splitter = Splitter()
        try:
            while chunk := await reader.read(CHUNK):
                self._take(splitter.feed(chunk))
            self._take(splitter.end())
        finally:
            transport.close()

    def _take(self, lines: list[str]) -> None:
        for line in lines:
            self._last.append(line)
            self._lines.take(self.state.name, line, show=not self._backoff.looping)

    def _hear(self, leash: socket.socket) -> None:
        """Take in which stages the process says are ready, and which wait."""
        try:
            said = leash.recv(4096)
        except OSError:
            said = b""
        if not said:
            asyncio.get_running_loop().remove_reader(leash)
            return
        for line in said.decode("utf-8", "replace").splitlines():
            verb, _, stage = line.partition(" ")
            if stage not in self.state.stages:
                continue
            if verb == "ready" and stage not in self.state.ready:
                self.state.ready.append(stage)
            elif verb == "paused" and stage not in self.state.paused:
                self.state.paused.append(stage)
                self._changed()
            elif verb == "resumed" and stage in self.state.paused:
                self.state.paused.remove(stage)
                self._changed()
        if len(self.state.ready) == len(self.state.stages) and self.state.phase == "starting":
            self._enter("running", self.state.pid)

    def _recovered(self) -> None:
        self._backoff.recovered()
        self.state.failures = 0
        if self.state.phase in ("starting", "crash-looping"):
            self._enter("running", self.state.pid)

    async def _wait_after(self, ended: str, lived: float) -> None:
        delay = self._backoff.died(lived)
        self.state.failures = self._backoff.deaths
        self.state.last_exit = ended
        self.state.last_exit_ms = _now_ms()
        self._enter("crash-looping" if self._backoff.looping else "waiting", None)
        self._report(ended, lived, delay)
        with suppress(TimeoutError):
            async with asyncio.timeout(delay):
                await self._stopping.wait()
        self.state.restarts += 1

    def _report(self, ended: str, lived: float, delay: float) -> None:
        name = self.state.name
        again = f"starting it again in {delay:g} s"
        if not self._backoff.looping:
            self._lines.say(f"{name} {ended} after {lived:.1f} s; {again}")
            return
        times = f"{self._backoff.deaths} times in a row"
        if self._backoff.deaths > LOOPING:
            self._lines.say(f"{name} {ended}, {times}; {again}")
            return
        # From here on its own lines go to its file only: they would be the same again and again.
        self._lines.say(f"{name} is crash-looping: {ended}, {times}; {again}. Its last lines:")
        for line in self._last:
            self._lines.say(f"    {line}")

    def _enter(self, phase: Phase, pid: int | None) -> None:
        self.state.phase = phase
        self.state.pid = pid
        self.state.since_ms = _now_ms()
        self._changed()


def _described(status: int) -> str:
    if status >= 0:
        return f"ended with exit code {status}"
    try:
        return f"was killed by {signal.Signals(-status).name}"
    except ValueError:
        return f"was killed by signal {-status}"


def _now_ms() -> int:
    return int(time.time() * 1000)
