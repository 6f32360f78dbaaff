"""``python -m trainer.launch.host``: a host's agent, which runs torchrun there.

The first line of its standard input is its order (`trainer.launch.commands.order`). The input
stays open: when it ends, or is silent for too long, the agent ends torchrun and itself; so nothing
of a run outlives its launcher, nor the connection to it. An empty line is a sign of life, ``stop``
asks for a clean end. On its standard output it says, a JSON object a line:

    {"waiting": true}           another run's processes are still on this host
    {"running": pid}            of torchrun
    {"file", "at", "data"}      what was added to a file, where the launcher does not see it itself
    {"quiet": seconds}          for how long no log has been written to
    {"ended": code, "ranks", "reason", "retry"}    last: torchrun's exit code, those of the ranks
                                that failed, and what these have left in words
"""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from select import select
from typing import Any

from trainer.job import ERROR, METRICS
from trainer.launch import lock, tree
from trainer.launch.blame import blamed, why
from trainer.launch.mirror import Mirror
from trainer.launch.rank import LOGS, NODE, log_name
from trainer.launch.torchrun import LEASH

LOOK_EVERY = 0.1
MIRROR_EVERY = 1.0
QUIET_EVERY = 5.0

LOST_GRACE = 3.0
"""Seconds that ranks may take to end when nobody waits for them any more."""

FLUSHING = 10.0
"""Seconds for which the last words are offered to a launcher that does not read."""

TAIL = 64 * 1024
"""Bytes of a log in which the reason of its end is looked for."""


class Line:
    """The agent's side of the line to its launcher."""

    def __init__(self) -> None:
        self.lost = False
        self.stop = False
        self._read = bytearray()
        self._pending = bytearray()
        self._heard = time.monotonic()

    def order(self) -> dict[str, Any] | None:
        """Return the first line, None if there is none."""
        while b"\n" not in self._read:
            piece = os.read(0, 65536)
            if not piece:
                return None
            self._read += piece
        first, _, rest = bytes(self._read).partition(b"\n")
        self._read = bytearray(rest)
        # A launcher that reads no more must not keep the agent from noticing that it is gone.
        os.set_blocking(1, False)
        order: dict[str, Any] = json.loads(first)
        return order

    def attend(self, seconds: float, silence: float) -> None:
        """Take in what comes within so many seconds, and send what waits."""
        writing = [1] if self._pending else []
        reading = [] if self.lost else [0]
        ready, writable, _ = select(reading, writing, [], seconds)
        if ready:
            self._hear()
        if writable:
            self._write()
        if time.monotonic() - self._heard > silence:
            self.lost = True

    def say(self, **what: Any) -> None:
        """Send a message as soon as there is room."""
        self._pending += json.dumps(what).encode() + b"\n"
        self._write()

    @property
    def clear(self) -> bool:
        """Whether all that was said is on its way."""
        return not self._pending

    def finish(self) -> None:
        """Wait until all is on its way, for as long as that may be expected."""
        end = time.monotonic() + FLUSHING
        while self._pending and not self.lost and time.monotonic() < end:
            self.attend(LOOK_EVERY, FLUSHING)

    def _hear(self) -> None:
        try:
            piece = os.read(0, 65536)
        except BlockingIOError:
            return
        except OSError:
            piece = b""
        self.lost = self.lost or not piece
        self._heard = time.monotonic()
        self._read += piece
        *lines, rest = bytes(self._read).split(b"\n")
        self._read = bytearray(rest)
        self.stop = self.stop or b"stop" in lines

    def _write(self) -> None:
        try:
            while self._pending:
                del self._pending[: os.write(1, self._pending)]
        except BlockingIOError:
            return
        except OSError:
            self.lost = True
            self._pending.clear()


class Agent:
    """Runs one order."""

    def __init__(self, order: dict[str, Any], line: Line) -> None:
        self._order = order
        self._line = line
        self._folder = Path(order["folder"])
        self._logs = self._folder / "logs"
        self._mirror = Mirror(self._folder, (METRICS,) if order["first"] else ())
        self._began = time.time()
        self._ranks: dict[int, int] = {}

    def run(self) -> int:
        """Run torchrun to its end, or until nobody wants it any more; return its exit code."""
        self._logs.mkdir(parents=True, exist_ok=True, mode=0o700)
        held = self._hold()
        if held is None:
            self._say_end(1, "another run's processes do not leave this host")
            return 1
        (self._folder / ERROR).unlink(missing_ok=True)
        (self._folder / "job.json").write_text(json.dumps(self._order["job"]), encoding="utf-8")
        ours, theirs = socket.socketpair()
        child = self._start(theirs, held)
        theirs.close()
        # From here on the lock is torchrun's: it is free when that is dead, not when we are.
        os.close(held)
        self._line.say(running=child.pid)
        code = self._attend(child)
        self._hear_ranks(ours)
        self._say_end(code, *self._why(code))
        return code

    def _hold(self) -> int | None:
        def waited() -> bool:
            if self._line.clear and not told:
                told.append(True)
                self._line.say(waiting=True)
            self._line.attend(0, self._order["silence"])
            return not (self._line.lost or self._line.stop)

        told: list[bool] = []
        # Processes of a launcher whose connection was cut notice it after `silence`.
        patience = self._order["silence"] + self._order["grace"] + FLUSHING
        return lock.hold(self._folder.parent / ".host.lock", patience, waited)

    def _start(self, leash: socket.socket, held: int) -> subprocess.Popen[bytes]:
        environment = {
            **os.environ,
            **self._order["environment"],
            LEASH: str(leash.fileno()),
            NODE: self._order["node"],
            LOGS: str(self._logs),
        }
        if self._order["alone"]:
            # Else gloo looks this machine's name up, and may take an address it can't use.
            environment.setdefault("GLOO_SOCKET_IFNAME", loopback(sys.platform))
        arguments = [*self._order["torchrun"], str(self._folder / "job.json")]
        fd = os.open(
            self._logs / f"{self._order['node']}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600
        )
        try:
            return subprocess.Popen(
                [sys.executable, "-m", "trainer.launch.torchrun", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=fd,
                stderr=fd,
                env=environment,
                pass_fds=(leash.fileno(), held),
                start_new_session=True,
            )
        finally:
            os.close(fd)

    def _attend(self, child: subprocess.Popen[bytes]) -> int:
        """Look after torchrun until it has ended, and return its exit code."""
        line, silence = self._line, self._order["silence"]
        seen: set[tuple[int, int]] = set()
        deadline = mirrored = told = 0.0
        while child.poll() is None:
            line.attend(LOOK_EVERY, silence)
            now = time.monotonic()
            if (line.lost or line.stop) and not deadline:
                deadline = now + self._order["grace"]
                seen = tree.below(child.pid)
                child.terminate()
            if line.lost:
                deadline = min(deadline, now + LOST_GRACE)
            if deadline and now > deadline:
                seen |= tree.below(child.pid)
                child.kill()
            if now - mirrored > MIRROR_EVERY and line.clear:
                self._send_news()
                mirrored = now
            if now - told > QUIET_EVERY and line.clear:
                line.say(quiet=round(time.time() - max(self._mirror.last_written(), self._began)))
                told = now
        tree.kill(seen)
        self._send_news(last=True)
        return child.returncode

    def _send_news(self, *, last: bool = False) -> None:
        if self._order["mirror"] and not self._line.lost:
            for piece in self._mirror.news():
                self._line.say(**piece)
                if not last and not self._line.clear:
                    return

    def _hear_ranks(self, leash: socket.socket) -> None:
        leash.setblocking(False)
        with suppress(OSError, ValueError):
            self._ranks = {int(rank): code for rank, code in json.loads(leash.recv(65536)).items()}

    def _why(self, code: int) -> tuple[str, bool]:
        """Return the reason of an end, and whether to try again may help."""
        if code == 0:
            return "", True
        said, retry = "", True
        with suppress(OSError, ValueError, KeyError, TypeError):
            left = json.loads((self._folder / ERROR).read_bytes())
            said, retry = str(left["reason"]), bool(left.get("retry", True))
        rank = blamed(self._ranks)
        if rank is None:
            log = self._logs / f"{self._order['node']}.log"
        else:
            log = self._logs / log_name(self._order["node"], rank)
            code = self._ranks[rank]
        return why(code, said, _last_lines(log)), retry

    def _say_end(self, code: int, reason: str, retry: bool = True) -> None:
        self._line.say(ended=code, ranks=self._ranks, reason=reason, retry=retry)
        self._line.finish()


def loopback(platform: str) -> str:
    """Return the name of the loopback interface on a ``sys.platform``."""
    return "lo" if platform.startswith("linux") else "lo0"


def _last_lines(path: Path) -> list[str]:
    try:
        with path.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - TAIL))
            return re.split(r"[\r\n]+", file.read().decode("utf-8", "replace"))
    except OSError:
        return []


def main() -> int:
    """Take the order and run it."""
    # What people have said is in the data, and in logs.
    os.umask(0o077)
    line = Line()

    def stop(*_: object) -> None:
        line.stop = True

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, stop)
    order = line.order()
    return 1 if order is None else Agent(order, line).run()


if __name__ == "__main__":
    sys.exit(main())
