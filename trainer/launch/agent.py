"""The launcher's side of the line to a host's agent."""

from __future__ import annotations

import asyncio
import json
from asyncio.subprocess import Process
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from trainer.launch.blame import Failure, why
from trainer.launch.found import AGENT
from trainer.launch.launch import Node
from trainer.launch.mirror import write
from trainer.launch.process import started
from trainer.launch.reach import on_node

BEATS = 4
"""Signs of life within the time after which an agent gives its launcher up."""


class Agent:
    """One node's agent. `run` starts it and returns when it is gone.

    Args:
        node: where it is.
        order: what it is told.
        folder: the run's folder on this machine, which gets the node's logs and metrics.
        noted: called with what is out of the ordinary, in words, "" when all is well again.
    """

    def __init__(
        self,
        node: Node,
        order: Mapping[str, Any],
        *,
        folder: Path,
        connecting: float,
        noted: Callable[[str, str], None],
        quiet: float,
    ) -> None:
        self.node = node
        self._order = order
        self._folder = folder
        self._command = on_node(node, [node.python, "-m", AGENT], connecting)
        self._noted = noted
        self._quiet = quiet
        self._process: Process | None = None
        self._ended: dict[str, Any] | None = None
        self._stopping = False

    async def run(self) -> Failure | None:
        """Run the order to its end; None if that was a good one."""
        try:
            async with started(self._command) as process:
                self._process = process
                return await self._converse(process)
        except (OSError, ValueError) as error:
            return Failure(self.node.name, {}, f"its agent: {error}")
        finally:
            self._process = None

    def stop(self) -> None:
        """Ask it to end its ranks."""
        self._stopping = True
        self._send(b"stop\n")

    def drop(self) -> None:
        """Let go of it, at which it ends at once what it still has."""
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()

    async def _converse(self, process: Process) -> Failure | None:
        assert process.stdout is not None
        assert process.stderr is not None
        complaint = asyncio.create_task(process.stderr.read())
        beating = asyncio.create_task(self._beat())
        try:
            self._send(json.dumps(self._order).encode() + b"\n")
            if self._stopping:
                self.stop()
            async for line in process.stdout:
                self._take(line)
            code = await process.wait()
        finally:
            beating.cancel()
        lines = (await complaint).decode("utf-8", "replace").splitlines()
        return self._failure(code, lines)

    def _failure(self, code: int, lines: list[str]) -> Failure | None:
        name, ended = self.node.name, self._ended
        if ended is None:
            if code == 255 and self.node.address:
                # ssh's own code, and its own words.
                said = lines[-1].strip() if lines else "ssh does not say why"
                return Failure(name, {}, f"the connection was lost: {said}")
            return Failure(name, {}, f"its agent {why(code, '', lines)}")
        if ended["ended"] == 0:
            return None
        ranks = {int(rank): number for rank, number in ended["ranks"].items()}
        return Failure(name, ranks, ended["reason"], ended["retry"])

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(self._order["silence"] / BEATS)
            self._send(b"\n")

    def _send(self, line: bytes) -> None:
        if self._process is not None and self._process.stdin is not None:
            with suppress(OSError, RuntimeError):
                self._process.stdin.write(line)

    def _take(self, line: bytes) -> None:
        try:
            said = json.loads(line)
        except ValueError:
            return  # a shell's start-up files may print what they like
        if not isinstance(said, dict):
            return
        name = self.node.name
        if "file" in said:
            write(self._folder, said)
        elif "waiting" in said:
            self._noted(name, "another run's processes are still on it; waiting for their end")
        elif "running" in said:
            self._noted(name, "")
        elif "quiet" in said:
            minutes = f"{said['quiet'] / 60:.0f}"
            late = said["quiet"] >= self._quiet
            self._noted(name, f"no log has been written to for {minutes} min" if late else "")
        elif "ended" in said:
            self._ended = said
