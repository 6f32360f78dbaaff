"""Sending a run's data to a node of its own, and bringing what it made back.

By rsync where both machines have it, which goes on where a broken-off transfer stopped; else by
tar through ssh.
"""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path

from trainer.launch.launch import Node
from trainer.launch.process import Ran, leashed, piped, ran
from trainer.launch.reach import quoted, script_on_node, ssh_options

TAR = ["env", "COPYFILE_DISABLE=1", "tar"]
"""On macOS tar would add a file of attributes to each file."""

QUICK = 60.0
LONG = 24 * 3600.0
"""Seconds: a model of 145 GB takes its hours, and ssh notices a connection that is dead."""


class Broken(Exception):
    """A transfer that failed. One line."""


class Courier:
    """Carries files between this machine and a node.

    Args:
        node: the other side.
        rsync: whether rsync is there.
        connecting: how long ssh may take to reach it, in seconds.
    """

    def __init__(self, node: Node, *, rsync: bool, connecting: float) -> None:
        self._node = node
        self._connecting = connecting
        self._rsync = rsync and shutil.which("rsync") is not None

    async def send(self, source: Path, target: str) -> None:
        """Make `target`, a directory there, what the directory `source` is here.

        Raises:
            Broken: it did not work.
        """
        there = shlex.quote(target)
        if self._by_rsync(target):
            await self._run(self._script(f"umask 077 && mkdir -p {there}"), QUICK)
            await self._run_rsync(["--delete", f"{source}/", self._spec(f"{target}/")])
            return
        script = f"umask 077 && rm -rf {there} && mkdir -p {there} && tar -C {there} -xof -"
        self._check(await piped([*TAR, "-C", str(source), "-cf", "-", "."], self._script(script)))

    async def fetch(self, folder: str, name: str, target: Path) -> bool:
        """Bring `name`, a file or directory of `folder` there, into the directory `target`; False
        where there is none.

        Raises:
            Broken: it did not work.
        """
        path = shlex.quote(f"{folder}/{name}")
        kinds = f"if test -d {path}; then echo d; elif test -e {path}; then echo f; fi"
        kind = await self._run(self._script(kinds), QUICK)
        if not kind:
            return False
        if self._by_rsync(f"{folder}/{name}"):
            tail = f"{name}/" if kind == "d" else name
            await self._run_rsync(["--delete", self._spec(f"{folder}/{tail}"), f"{target}/{tail}"])
            return True
        giving = f"tar -C {shlex.quote(folder)} -cf - {shlex.quote(name)}"
        coming = target / ".coming"
        shutil.rmtree(coming, ignore_errors=True)
        coming.mkdir()
        try:
            self._check(await piped(self._script(giving), [*TAR, "-C", str(coming), "-xof", "-"]))
            if kind == "d":
                shutil.rmtree(target / name, ignore_errors=True)
            (coming / name).replace(target / name)
        finally:
            shutil.rmtree(coming, ignore_errors=True)
        return True

    def _script(self, script: str) -> list[str]:
        return script_on_node(self._node, script, self._connecting)

    def _by_rsync(self, path: str) -> bool:
        # Whether rsync quotes what it tells the other side's shell depends on its version.
        return self._rsync and quoted(path) == path

    def _spec(self, path: str) -> str:
        return f"{self._node.address}:{path}" if self._node.address else path

    async def _run_rsync(self, arguments: list[str]) -> None:
        shell = shlex.join(["ssh", *ssh_options(self._connecting)])
        await self._run(leashed(["rsync", "-a", "-e", shell, *arguments]), LONG)

    async def _run(self, command: list[str], seconds: float) -> str:
        try:
            done = await ran(command, seconds)
        except TimeoutError:
            raise Broken(f"{self._node.name}: no answer within {seconds:g} s") from None
        self._check(done if done.code else None)
        return done.printed.strip()

    def _check(self, failed: Ran | None) -> None:
        if failed is not None:
            raise Broken(f"{self._node.name}: {failed.last}")
