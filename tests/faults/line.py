"""The whole line as real processes under the real supervisor, to be treated badly."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Self
from unittest import mock

import orjson

from schemas.settings import Settings
from streams.broker import Broker, open_broker
from streams.cli.run import make_plan
from streams.flow import BrokerError, Incoming
from streams.lineup import stage_names
from streams.settings.load import load
from streams.supervisor.plan import Plan, ProcessSpec
from streams.supervisor.state import ProcessState, read_state
from tests.faults.outcome import Outcome, files_of
from tests.faults.writing import ABANDONED, QUIET
from tests.support.kafka import KafkaProcess

PATIENCE = 120.0
"""Seconds after which something that should happen is taken not to. Nothing is hurried by it."""

REPO = Path(__file__).parents[2]
READS = {
    "extract": ("entries",),
    "prefilter": ("turns",),
    "judge": ("candidates",),
    "ensemble": ("judgements",),
    "turnfiles": ("turns", "verdicts"),
    "pairs": ("turns", "verdicts"),
}


class Line:
    """A line over a directory of its own.

    Args:
        folder: holds everything: OpenClaw's state, the home, the output.
        kafka: carries the topics in place of the embedded broker, under names of this line's own.
        alone: each stage in a process of its own, as `kill` can then tell them apart; else they
            share processes as `clawback run` has it.
        environment: further variables for the processes.
        supervisor: the module that is started as the supervisor.
    """

    def __init__(
        self,
        folder: Path,
        *,
        alone: bool = True,
        environment: Mapping[str, str] | None = None,
        supervisor: str = "streams.supervisor",
        kafka: KafkaProcess | None = None,
    ) -> None:
        self.home, self.output = folder / "home", folder / "output"
        self.openclaw = folder / "openclaw"
        self.sessions = self.openclaw / "agents" / "main" / "sessions"
        self.sessions.mkdir(parents=True, exist_ok=True)
        self.said = folder / "said.log"
        self.kafka = kafka
        self._supervisor = supervisor
        self._alone = alone
        self.environment = {
            **_clean(os.environ),
            "CLAWBACK_CONFIG": "",
            "CLAWBACK_PATHS__OPENCLAW": str(self.openclaw),
            "CLAWBACK_PATHS__HOME": str(self.home),
            "CLAWBACK_PATHS__OUTPUT": str(self.output),
            "CLAWBACK_BROKER__URL": kafka.url if kafka else "embedded",
            "CLAWBACK_BROKER__KAFKA__REPLICATION": str(min(kafka.nodes, 3)) if kafka else "1",
            "CLAWBACK_BROKER__PREFIX": f"faults-{uuid.uuid4().hex[:8]}",
            "CLAWBACK_BROKER__PARTITIONS": "2",
            "CLAWBACK_TAIL__QUIET": f"{QUIET}s",
            "CLAWBACK_TAIL__ABANDONED": f"{ABANDONED}s",
            "CLAWBACK_TAIL__RESCAN": "500ms",
            "CLAWBACK_SINKS__FLUSH": "300ms",
            "CLAWBACK_SINKS__TIMEZONE": "Europe/Berlin",
            "CLAWBACK_RUN__BACKOFF": "100ms",
            "CLAWBACK_RUN__BACKOFF_MAX": "1s",
            "PYTHONUNBUFFERED": "1",
            **(environment or {}),
        }
        self._process: subprocess.Popen[bytes] | None = None
        self._broker: Broker | None = None

    # Life

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def start(self) -> None:
        """Start the supervisor, which starts the rest."""
        with tempfile.TemporaryFile("w+") as file, self.said.open("ab") as said:
            file.write(self.plan().to_json())
            file.flush()
            file.seek(0)
            self._process = subprocess.Popen(
                [sys.executable, "-m", self._supervisor, str(file.fileno())],
                cwd=REPO,
                env=self.environment,
                pass_fds=(file.fileno(),),
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
            )

    def stop(self) -> int:
        """Stop the line as Ctrl-C does, and return the exit code."""
        process = self.process
        process.send_signal(signal.SIGTERM)
        return process.wait(PATIENCE)

    def end(self) -> None:
        """End whatever still runs."""
        self.resume()
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self.until(lambda: not self.survivors(), "the workers end after their supervisor")
        if self._broker is not None:
            self._broker.close()
            self._broker = None

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The supervisor."""
        assert self._process is not None, "start the line first"
        return self._process

    def settings(self) -> Settings:
        """Return the settings that the processes read."""
        with mock.patch.dict(os.environ, self.environment, clear=True):
            return load(None)

    def plan(self) -> Plan:
        """Return what the supervisor is told."""
        settings = self.settings()
        plan = make_plan(settings, None, feed=False, verbose=False, until_idle=None)
        if self._alone:
            specs = [ProcessSpec(name, (name,)) for name in stage_names(settings)]
            plan = replace(plan, processes=tuple(specs))
        return plan

    # Its processes

    def states(self) -> dict[str, ProcessState]:
        """Return the processes by name as the living supervisor has written them down."""
        state = read_state(self.home)
        if state is None or self._process is None or state.pid != self._process.pid:
            return {}
        return {process.name: process for process in state.processes}

    def pids(self) -> dict[str, int]:
        """Return the process ids of the processes that run."""
        return {
            name: state.pid
            for name, state in self.states().items()
            if state.pid is not None and _alive(state.pid)
        }

    def survivors(self) -> list[int]:
        """Return the processes of this line that live, whoever started them."""
        mark = f"CLAWBACK_PATHS__HOME={self.home}".encode()
        return [pid for pid in _processes() if mark in _environment(pid)]

    def until_ready(self, *names: str) -> None:
        """Wait until these processes, or all, have their stages at work."""

        def ready() -> bool:
            states = self.states()
            wanted = names or tuple(states)
            return bool(states) and all(states[name].phase == "running" for name in wanted)

        self.until(ready, f"{', '.join(names) or 'all'} at work")

    def signal(self, name: str, number: signal.Signals) -> int:
        """Send a signal to a process, once it is there, and return its id."""
        self.until(lambda: name in self.pids(), f"{name} runs")
        pid = self.pids()[name]
        _signal(pid, number)
        return pid

    def kill(self, name: str) -> int:
        """SIGKILL a process, once it is there, and return its id."""
        pid = self.signal(name, signal.SIGKILL)
        self.until(lambda: not _alive(pid), f"{name} is dead")
        return pid

    def kill_supervisor(self) -> None:
        """SIGKILL the supervisor. Its workers notice and end by themselves."""
        self.process.kill()
        self.process.wait()

    def kill_all(self) -> None:
        """SIGKILL everything at once."""
        self.kill_supervisor()
        for pid in self.survivors():
            _signal(pid, signal.SIGKILL)
        self.until(lambda: not self.survivors(), "all are dead")

    def resume(self) -> None:
        """SIGCONT to everything, whether it was stopped or not."""
        for pid in self.survivors():
            _signal(pid, signal.SIGCONT)

    # What it has brought

    @property
    def broker(self) -> Broker:
        """The topics, to be looked at."""
        if self._broker is None:
            self._broker = open_broker(self.settings())
            self._broker.ensure_topics()
        return self._broker

    def records(self, topic: str) -> Iterator[Incoming]:
        """Yield all records of a topic, partition by partition."""
        for partition in range(self.settings().broker.partitions):
            start, stop = 0, asyncio.run(self.broker.end(topic, partition))
            while found := asyncio.run(self.broker.read(topic, partition, start, stop)):
                yield from found
                start = found[-1].offset + 1

    def written(self) -> dict[str, int]:
        """Return how many records each topic has."""
        count = self.settings().broker.partitions
        topics = sorted({topic for topics in READS.values() for topic in topics})
        return {
            topic: sum(asyncio.run(self.broker.end(topic, number)) for number in range(count))
            for topic in topics
        }

    def lag(self) -> dict[str, int]:
        """Return how many records each stage has not committed."""
        settings = self.settings()
        partitions = range(settings.broker.partitions)
        lags: dict[str, int] = {}
        for stage in stage_names(settings)[1:]:
            topics = READS[stage.partition(".")[0]]
            places = [(topic, number) for topic in topics for number in partitions]
            ends = [asyncio.run(self.broker.end(*place)) for place in places]
            lags[stage] = sum(ends) - self.committed(stage)
        return lags

    def committed(self, stage: str) -> int:
        """Return how many records a stage has committed."""
        numbers = range(self.settings().broker.partitions)
        places = [(topic, each) for topic in READS[stage.partition(".")[0]] for each in numbers]
        found = asyncio.run(self.broker.committed(stage, places))
        return sum(offset or 0 for offset in found.values())

    def verdicts(self) -> dict[str, bytes]:
        """Return the last revision of each verdict by its id."""
        found: dict[str, tuple[int, bytes]] = {}
        for record in self.records("verdicts"):
            assert record.value is not None
            verdict = orjson.loads(record.value)
            known = found.get(verdict["id"])
            if known is None or known[0] <= verdict["revision"]:
                found[verdict["id"]] = (verdict["revision"], record.value)
        return {name: value for name, (_, value) in found.items()}

    def outcome(self) -> Outcome:
        """Return what there is to compare."""
        pairs = {(record.key or b"").decode(): record.value for record in self.records("pairs")}
        letters = [orjson.loads(record.value or b"") for record in self.records("deadletters")]
        return Outcome(
            files_of(self.output),
            self.verdicts(),
            {name: value for name, value in pairs.items() if value is not None},
            frozenset(f"{each['stage']} {each['position']}" for each in letters),
        )

    def finish(self, turns: set[str]) -> Outcome:
        """Wait until everything is through and written, stop the line, and return its outcome.

        Args:
            turns: the ids of all turns that have to come.
        """
        self.until(lambda: self.seen("turns") >= turns, lambda: self._missing(turns))
        before: object = None

        def still() -> bool:
            nonlocal before
            now = (self.written(), self.lag())
            same, before = now == before, now
            return same and not any(now[1].values()) and self._flushed(turns)

        self.until(still, lambda: f"all is read and written; {self.lag()}", every=0.5)
        code = self.stop()
        assert code == 0, f"the supervisor ended with {code}; see {self.said}"
        return self.outcome()

    def seen(self, topic: str) -> set[str]:
        """Return the ids of all records of a topic."""
        return {orjson.loads(record.value or b"")["id"] for record in self.records(topic)}

    def _missing(self, turns: set[str]) -> str:
        return f"all {len(turns)} turns are found; {len(turns - self.seen('turns'))} are missing"

    def _flushed(self, turns: set[str]) -> bool:
        verdicts = {orjson.loads(value)["turn_id"]: value for value in self.verdicts().values()}
        lines = [
            orjson.loads(line)
            for path in (self.output / "turns").glob("*.jsonl")
            for line in path.read_bytes().splitlines()
        ]
        if {line["id"] for line in lines} < turns or verdicts.keys() < turns:
            return False
        for line in lines:
            verdict = line["verdict"]
            if (
                verdict is None
                or verdict["revision"] != orjson.loads(verdicts[line["id"]])["revision"]
            ):
                return False
        return True

    # Waiting

    def until(
        self,
        met: Callable[[], bool],
        what: str | Callable[[], str],
        *,
        patience: float = PATIENCE,
        every: float = 0.02,
    ) -> float:
        """Wait until something is so, and return after how many seconds it was.

        Raises:
            AssertionError: it did not become so.
        """
        began = time.monotonic()
        while not self._is(met):
            if time.monotonic() - began > patience:
                waited = what if isinstance(what, str) else what()
                raise AssertionError(
                    f"waited {patience:g} s in vain until {waited}\n{self.story()}\n{self.vitals()}"
                )
            time.sleep(every)
        return time.monotonic() - began

    @staticmethod
    def _is(met: Callable[[], bool]) -> bool:
        try:
            return met()
        except BrokerError:
            # Kafka has been killed, too, and is on its way back.
            return False

    def story(self, lines: int = 40) -> str:
        """Return the last of what the supervisor said."""
        with suppress(FileNotFoundError):
            return "\n".join(self.said.read_text(errors="replace").splitlines()[-lines:])
        return "(nothing was said)"

    def vitals(self) -> str:
        """Return what each process is at: whether it sleeps, and the CPU time that it has had."""
        lines = []
        for pid in self.survivors():
            with suppress(OSError):
                process = Path(f"/proc/{pid}")
                command = process.joinpath("cmdline").read_bytes().split(b"\0")
                fields = process.joinpath("stat").read_text().rpartition(")")[2].split()
                ticks = int(fields[11]) + int(fields[12])
                name = b" ".join(command[1:]).decode(errors="replace")
                where = process.joinpath("wchan").read_text()
                seconds = ticks / os.sysconf("SC_CLK_TCK")
                lines.append(f"{pid} {name}: {fields[0]} in {where}, {seconds:.1f} s of CPU")
        return "\n".join(lines)

    def log(self, name: str) -> str:
        """Return what a process has said."""
        with suppress(FileNotFoundError):
            return (self.home / "logs" / f"{name}.log").read_text(errors="replace")
        return ""


def _clean(environment: Mapping[str, str]) -> dict[str, str]:
    return {k: v for k, v in environment.items() if not k.startswith("CLAWBACK_")}


def _signal(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def _alive(pid: int) -> bool:
    """Whether a process lives; one that is dead and not yet waited for does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"


def _processes() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdecimal() and _alive(int(name))]


def _environment(pid: int) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return []
