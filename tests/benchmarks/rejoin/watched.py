"""What a way of joining took: by the clock, of the processors, of memory."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import psutil

LOOK_EVERY = 0.05


@dataclass(frozen=True, slots=True)
class Figures:
    """`seconds` by the clock; `cpu` seconds of processor time meanwhile and `peak` bytes resident
    at the most, of all processes together; `broker` and `others` are processor time that Kafka and
    the rest of the machine took meanwhile."""

    seconds: float
    cpu: float
    peak: int
    broker: float = 0.0
    others: float = 0.0


Processes = Sequence["subprocess.Popen[bytes]"]


@contextmanager
def running(*commands: Sequence[str]) -> Iterator[Processes]:
    """Run commands at the same time, and stop them in the end."""
    started = [subprocess.Popen(command) for command in commands]
    try:
        yield started
    finally:
        for process in started:
            process.send_signal(signal.SIGTERM)
        for process in started:
            process.wait(30)


def watch(
    processes: Processes,
    begun: Callable[[], bool],
    done: Callable[[], bool],
    broker: psutil.Process | None = None,
) -> Figures:
    """Watch processes at work from the moment `begun` says so until they are `done`.

    Raises:
        RuntimeError: one of them ended before.
    """
    known = [psutil.Process(process.pid) for process in processes]

    def wait(until: Callable[[], bool]) -> int:
        peak = 0
        while not until():
            for process in processes:
                if process.poll() is not None:
                    raise RuntimeError(f"{process.args} ended with {process.returncode}")
            peak = max(peak, sum(each.memory_info().rss for each in known))
            time.sleep(LOOK_EVERY)
        return peak

    def spent() -> tuple[float, float, float]:
        workers = sum(map(taken, known))
        kafka = taken(broker) if broker else 0.0
        machine = psutil.cpu_times()
        return workers, kafka, sum(machine) - machine.idle - machine.iowait

    wait(begun)
    began, before = time.perf_counter(), spent()
    peak = wait(done)
    seconds = time.perf_counter() - began
    cpu, kafka, machine = (after - one for after, one in zip(spent(), before, strict=True))
    return Figures(seconds, cpu, peak, kafka, machine - cpu - kafka)


def taken(process: psutil.Process) -> float:
    """Return the processor time that a process has taken so far, in seconds."""
    times = process.cpu_times()
    return float(times.user + times.system)


def report(what: str, total: int, figures: Figures, limit: float | None = None) -> float:
    """Print one way's figures and return its rate."""
    rate = total / figures.seconds
    ratio = f"   {rate / limit:.2f} of the limit" if limit else ""
    print(
        f"  {what:34} {rate:8,.0f} judgements/s   {total / figures.cpu:8,.0f} per second of "
        f"processor time   peak {figures.peak / 1e6:5.0f} MB{ratio}",
        flush=True,
    )
    return rate
