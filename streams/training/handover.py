"""Hosts change hands: from the judges that live on them to a training run, and back.

What says that a host is held is a lock that dies with its holder (`streams.judging.machine`), so
judges go on whatever happened. What a `free` command has cleared away is on disk before it is run
(`streams.training.freed`), and undone at the next start at the latest.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import os
import socket
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Self
from urllib.parse import urlsplit

from agents.judges.clients.wire import RequestRejected, ServerFault
from agents.judges.contract import JudgeUnavailable
from agents.judges.unload import unload
from schemas.settings import Host, Judge, ModelJudge, Settings
from streams.embedded.locks import FileLock
from streams.judging.machine import busy_lock, wanted_lock
from streams.training import freed
from streams.training.memory import LOOK, read_memory, short
from trainer.launch.launch import reached_at
from trainer.launch.process import ran
from trainer.launch.reach import script_on_node

LOOK_EVERY = 0.1
"""Seconds between two tries at a lock."""

MEMORY_EVERY = 2.0
LOOKING = 30.0
"""Seconds that a host may take to say what memory it has."""

logger = logging.getLogger(__name__)


class Postponed(Exception):
    """A host is not free in time. One line that says which, and why."""


class Handover:
    """Holds a run's hosts while its context lasts.

    On entry the judges that live on them pause, each after the turns it has in hand; Ollamas
    unload their models, `free` is run, and the memory that the run needs is waited for. On the way
    out, whatever happened, `restore` is run and the judges go on.

    Args:
        settings: of the line.
        run: the run's id.
        hosts: which it runs on.
        needs: GB that must be free, by host: of each GPU, or of what CPU and GPU share.
        own: further names of this machine.

    Raises:
        Postponed: on entry, if a host is not free within ``train.free_patience``.
        OSError: on entry, if the home can't be written.
    """

    def __init__(
        self,
        settings: Settings,
        run: str,
        hosts: Sequence[Host],
        needs: Mapping[str, float] | None = None,
        own: frozenset[str] | None = None,
    ) -> None:
        self._settings = settings
        self._home = settings.paths.home
        self._run = run
        self._hosts = tuple(hosts)
        self._needs = needs or {}
        self._own = frozenset((socket.gethostname(),)) if own is None else own
        self._locks: list[FileLock] = []
        self._deadline = 0.0

    async def __aenter__(self) -> Self:
        """Take the hosts over."""
        self._deadline = time.monotonic() + self._settings.train.free_patience
        try:
            judges = judges_on(self._hosts, self._settings.judges, self._own)
            await self._pause(judges)
            for judge in judges:
                await self._unload(judge)
            await self._free()
            for host in self._hosts:
                await self._wait_for_memory(host)
        except BaseException:
            await self._give_back()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        """Give them back."""
        await self._give_back()

    async def _pause(self, judges: Iterable[ModelJudge]) -> None:
        named = list(judges)
        names = ", ".join(host.name for host in self._hosts)
        reason = f"training run {self._run[:8]} has {names}"
        for judge in named:
            lock = wanted_lock(self._home, judge.name)
            self._locks.append(lock)
            await self._take(lock, f"another run holds the machine of judge {judge.name}")
            _write(lock, reason)
        for judge in named:
            lock = busy_lock(self._home, judge.name)
            self._locks.append(lock)
            await self._take(lock, f"judge {judge.name} is still at a turn")

    async def _take(self, lock: FileLock, otherwise: str) -> None:
        while not lock.try_acquire():
            self._check(otherwise)
            await asyncio.sleep(LOOK_EVERY)

    async def _unload(self, judge: ModelJudge) -> None:
        if judge.kind != "ollama":
            return
        try:
            async with asyncio.timeout(self._left()):
                await unload(judge)
        except TimeoutError:
            raise Postponed(
                f"{judge.url} still has {judge.model} in memory {self._waited()}; "
                "is somebody else using it?"
            ) from None
        except JudgeUnavailable as error:
            logger.info("nothing to unload for judge %s: %s", judge.name, error)
        except (ServerFault, RequestRejected, ValueError) as error:
            # Whether it matters is for the host's memory to say.
            logger.warning("judge %s's model could not be unloaded: %s", judge.name, error)

    async def _free(self) -> None:
        hosts = tuple(host for host in self._hosts if host.free)
        if not hosts:
            return
        freed.note(self._home, self._run, hosts)
        for host in hosts:
            failure = await freed.command(host, host.free, max(1.0, self._left()))
            if failure:
                raise Postponed(f"{host.name} was not made free: {failure}")

    async def _wait_for_memory(self, host: Host) -> None:
        needed = self._needs.get(host.name, 0.0)
        if not needed:
            return
        while missing := await self._missing(host, needed):
            self._check(f"{host.name}: {missing}")
            await asyncio.sleep(MEMORY_EVERY)

    async def _missing(self, host: Host, needed: float) -> str:
        command = script_on_node(freed.node_of(host), LOOK, freed.CONNECTING)
        try:
            answer = await ran(command, LOOKING)
        except TimeoutError:
            return f"no answer within {LOOKING:.0f} s"
        except OSError as error:
            return f"{error.filename} can't be run: {error.strerror}"
        if host.address and answer.code == 255:
            return f"ssh {host.address} fails: {answer.last}"
        return short(host, read_memory(answer.printed), needed)

    def _left(self) -> float:
        return self._deadline - time.monotonic()

    def _check(self, otherwise: str) -> None:
        if self._left() <= 0:
            raise Postponed(f"{otherwise} {self._waited()}")

    def _waited(self) -> str:
        return f"after {self._settings.train.free_patience:g} s (train.free_patience)"

    async def _give_back(self) -> None:
        try:
            for line in await freed.restore(self._home):
                logger.info("%s", line)
        finally:
            for lock in reversed(self._locks):
                lock.close()
            self._locks.clear()


async def undo_leftovers(settings: Settings) -> list[str]:
    """Restore hosts that a driver which was killed has left cleared.

    Returns:
        A line for each of them, on how that went.
    """
    return await freed.restore(settings.paths.home)


def judges_on(
    hosts: Iterable[Host], judges: Iterable[Judge], own: frozenset[str] = frozenset()
) -> tuple[ModelJudge, ...]:
    """Return the language models that live on hosts: whose URL has a host's address, name or
    interface in it.

    Args:
        hosts: the machines; one without an address is this one.
        judges: all there are.
        own: this machine's names, beside loopback.
    """
    names: set[str] = set()
    for host in hosts:
        told = {_plain(name) for name in (host.name, reached_at(host.address), host.interface)}
        names |= told - {""}
        if not host.address or _LOOPBACK in told:
            names |= {_LOOPBACK, *map(_plain, own)}
    return tuple(
        judge for judge in judges if isinstance(judge, ModelJudge) and _host_of(judge.url) in names
    )


_LOOPBACK = "localhost"


def _host_of(url: str) -> str:
    try:
        return _plain(urlsplit(url).hostname or "")
    except ValueError:
        return ""


def _plain(name: str) -> str:
    """Return a host's name as it is compared: all loopback addresses are one, and the local
    network's ``spark1.local`` is ``spark1``."""
    name = name.lower().rstrip(".").removesuffix(".local")
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return name
    return _LOOPBACK if address.is_loopback else str(address)


def _write(lock: FileLock, text: str) -> None:
    with lock.path.open("r+", encoding="utf-8") as file:
        file.write(text)
        file.truncate()
        file.flush()
        os.fsync(file.fileno())
