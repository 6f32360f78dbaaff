"""``python -m streams.supervisor FD``: run the plan that stands in an open file.

`clawback run` becomes this process. It has read the settings by then and would carry the
libraries for that along all day; this one starts without them.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import time
from collections.abc import Sequence
from zoneinfo import ZoneInfo

from streams.cli.exits import BUSY, FAILED
from streams.embedded.records import LogError
from streams.flow import BrokerError
from streams.supervisor.feed.feed import Feed
from streams.supervisor.feed.lines import Style, header, known_line
from streams.supervisor.idle import end_when_idle
from streams.supervisor.lines import Lines
from streams.supervisor.lock import AlreadyRunning, HomeLock
from streams.supervisor.plan import Plan
from streams.supervisor.source import PAUSE, Source
from streams.supervisor.stalls import restart_stalled
from streams.supervisor.summary import summary
from streams.supervisor.supervise import Companion, Supervisor


def main(arguments: Sequence[str]) -> int:
    """Run the plan and return the exit code."""
    with os.fdopen(int(arguments[0]), encoding="utf-8") as file:
        plan = Plan.from_json(file.read())
    lock = HomeLock(plan.home)
    try:
        lock.acquire()
        return _run(plan)
    except AlreadyRunning as error:
        print(f"clawback: {error}", file=sys.stderr)
        return BUSY
    except (BrokerError, LogError, OSError) as error:
        print(f"clawback: {error}", file=sys.stderr)
        return FAILED
    finally:
        lock.release()


def _run(plan: Plan) -> int:
    began = time.time()
    source = Source(plan)
    style = Style(sys.stdout.isatty(), ZoneInfo(plan.timezone) if plan.timezone else None)
    width = max(len(process.name) for process in plan.processes)
    lines = Lines(plan.home / "logs", sys.stderr, width=width, verbose=plan.verbose)
    companions: list[Companion] = []
    if plan.feed:
        openclaw = [str(path) for path in plan.openclaw]
        above = header(
            models=plan.models,
            openclaw=openclaw,
            output=str(plan.output),
            style=style,
        )
        print("\n".join(above), flush=True)
        companions.append(_feeding(source, plan, style))
    if plan.until_idle is not None:
        companions.append(_idling(source, plan.until_idle))
    if plan.stalled:
        companions.append(_watching(source))
    try:
        code = asyncio.run(Supervisor(plan, lines, companions=companions).run())
        if plan.until_idle is not None and source.opened is not None:
            _print(*asyncio.run(summary(source.opened, plan.output, began)))
    finally:
        lines.close()
        source.close()
    return code


def _feeding(source: Source, plan: Plan, style: Style) -> Companion:
    async def feed(supervisor: Supervisor) -> None:
        printer = Feed(plan.prefix, style, _print)
        earlier: list[int] = []

        def known(count: int) -> None:
            if count and not earlier:
                _print(known_line(count))
            earlier.append(count)

        while True:
            try:
                async with contextlib.aclosing(source.arrivals(known)) as batches:
                    async for batch in batches:
                        printer.take(batch)
            except BrokerError as error:
                supervisor.lines.say(f"the feed waits, and may leave some out: {error}")
                await asyncio.sleep(PAUSE)

    return feed


def _idling(source: Source, quiet: float) -> Companion:
    async def watch(supervisor: Supervisor) -> None:
        await end_when_idle(supervisor, source.open, quiet)

    return watch


def _watching(source: Source) -> Companion:
    async def watch(supervisor: Supervisor) -> None:
        await restart_stalled(supervisor, source)

    return watch


def _print(*lines: str) -> None:
    print(*lines, sep="\n", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
