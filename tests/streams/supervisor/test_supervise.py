"""Processes are kept alive, one by one, and ended in time."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable

from streams.supervisor.supervise import Supervisor
from tests.streams.supervisor.conftest import WORKER, Line

Make = Callable[..., Line]

DIES = 'import sys; print("cannot open the thing", file=sys.stderr); sys.exit(7)'
DEAF = """
    import signal, time
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    print("deaf", flush=True)
    time.sleep(60)
"""
FLOOD = """
    import sys
    from streams.supervisor import leash
    leash.ready("{name}")
    while True:
        sys.stderr.write("x" * 500 + "\\n")
"""


async def test_stages_start_and_drain(line: Make) -> None:
    it = line({"a": WORKER, "b": WORKER})
    running = asyncio.create_task(it.supervisor.run())
    await it.until(lambda: it.console.getvalue().count("hello") == 2)
    await it.until(lambda: it.phase("a") == it.phase("b") == "running")
    began = time.monotonic()
    os.kill(os.getpid(), signal.SIGTERM)
    assert await running == 0
    assert time.monotonic() - began < 1
    assert it.phase("a") == it.phase("b") == "stopped"
    assert it.log("a") == "hello\nbye\n"


async def test_a_stage_that_dies_is_restarted_alone(line: Make) -> None:
    it = line({"a": WORKER, "b": WORKER})
    running = asyncio.create_task(it.supervisor.run())
    await it.until(lambda: it.console.getvalue().count("hello") == 2)
    a, b = (child.state for child in it.supervisor.children)
    first, other = a.pid, b.pid
    assert first
    os.kill(first, signal.SIGKILL)
    await it.until(lambda: it.console.getvalue().count("hello") == 3)
    assert a.pid != first
    assert b.pid == other
    assert (a.restarts, b.restarts) == (1, 0)
    assert a.last_exit == "was killed by SIGKILL"
    it.supervisor.stop()
    assert await running == 0


async def test_a_crash_loop_backs_off_and_is_told_with_its_last_lines(line: Make) -> None:
    it = line({"a": DIES, "b": WORKER})
    running = asyncio.create_task(it.supervisor.run())
    await it.until(lambda: "crash-looping" in it.console.getvalue())
    assert it.phase("a") == "crash-looping"
    said = it.log("clawback")
    assert "a ended with exit code 7" in said
    assert "starting it again in 0.05 s" in said
    assert "3 times in a row; starting it again in 0.2 s" in said
    assert "cannot open the thing" in said.split("crash-looping")[1]
    began = time.monotonic()
    it.supervisor.stop()
    assert await running == 0
    assert time.monotonic() - began < 1


async def test_a_healthy_life_forgets_the_deaths(line: Make) -> None:
    script = """
        import pathlib, time
        seen = pathlib.Path("{home}/seen")
        seen.write_text(seen.read_text() + "x" if seen.exists() else "x")
        if len(seen.read_text()) < 4:
            raise SystemExit(1)
        time.sleep(60)
    """
    it = line({"a": script}, healthy=0.5)
    running = asyncio.create_task(it.supervisor.run())
    await it.until(lambda: it.phase("a") == "crash-looping")
    await it.until(lambda: it.phase("a") == "running")
    state = it.supervisor.children[0].state
    assert (state.failures, state.restarts) == (0, 3)
    it.supervisor.stop()
    await running


async def test_who_does_not_finish_in_time_is_killed(line: Make) -> None:
    it = line({"a": DEAF, "b": WORKER})
    running = asyncio.create_task(it.supervisor.run())
    await it.until(lambda: "deaf" in it.console.getvalue() and "hello" in it.console.getvalue())
    began = time.monotonic()
    it.supervisor.stop()
    assert await running == 0
    assert 0.9 < time.monotonic() - began < 2
    assert "killed: a;" in it.log("clawback")


async def test_a_second_ctrl_c_does_not_wait(line: Make) -> None:
    it = line({"a": DEAF})
    running = asyncio.create_task(it.supervisor.run())
    await it.until(lambda: "deaf" in it.console.getvalue())
    began = time.monotonic()
    os.kill(os.getpid(), signal.SIGINT)
    await asyncio.sleep(0.1)
    os.kill(os.getpid(), signal.SIGINT)
    assert await running == 130
    assert time.monotonic() - began < 0.8


async def test_a_stop_during_the_wait_does_not_start_again(line: Make) -> None:
    it = line({"a": DIES})
    running = asyncio.create_task(it.supervisor.run())
    await it.until(lambda: it.supervisor.children[0].state.phase == "waiting")
    it.supervisor.stop()
    assert await running == 0
    assert it.phase("a") == "stopped"


async def test_a_flood_is_bounded(line: Make) -> None:
    it = line({"a": FLOOD, "b": WORKER})
    running = asyncio.create_task(it.supervisor.run())
    log = it.home / "logs/a.log"
    await it.until(lambda: log.exists() and log.stat().st_size > 1_000_000, 10)
    # The others are attended to meanwhile.
    await it.until(lambda: it.phase("b") == "running")
    began = time.monotonic()
    it.supervisor.stop()
    assert await running == 0
    assert time.monotonic() - began < 2
    assert sum(path.stat().st_size for path in log.parent.iterdir()) < 25_000_000


async def test_what_a_stage_started_does_not_hold_its_restart_up(line: Make) -> None:
    script = """
        import subprocess, sys
        print("began", flush=True)
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(3)"])
        sys.exit(1)
    """
    it = line({"a": script})
    running = asyncio.create_task(it.supervisor.run())
    await it.until(lambda: it.console.getvalue().count("began") == 2, 2.5)
    it.supervisor.stop()
    assert await running == 0


async def test_a_command_that_is_not_there_is_told(line: Make) -> None:
    it = line({"a": WORKER})
    it.supervisor.children[0]._command = ["/no/such/program"]
    running = asyncio.create_task(it.supervisor.run())
    await it.until(lambda: "could not be started" in it.console.getvalue())
    it.supervisor.stop()
    assert await running == 0


async def test_a_companion_that_fails_is_told_and_the_line_goes_on(line: Make) -> None:
    async def broken(_: Supervisor) -> None:
        raise RuntimeError("no feed today")

    it = line({"a": WORKER}, companions=[broken])
    running = asyncio.create_task(it.supervisor.run())
    await it.until(lambda: "hello" in it.console.getvalue())
    assert "no feed today" in it.log("clawback")
    it.supervisor.stop()
    assert await running == 0
