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
from streams.embedded.log import Log
from streams.embedded.records import LogError
from streams.status.flow import topic_counts
from streams.supervisor.feed.feed import SHOWN, TURNS, VERDICTS, Feed
from streams.supervisor.feed.follow import Follower, follow
from streams.supervisor.feed.lines import Style, header
from streams.supervisor.idle import end_when_idle
from streams.supervisor.lines import Lines
from streams.supervisor.lock import AlreadyRunning, HomeLock
from streams.supervisor.plan import Plan
from streams.supervisor.stalls import restart_stalled
from streams.supervisor.summary import summary
from streams.supervisor.supervise import Companion, Supervisor

LOOKBACK = 200
"""Turns of each partition whose words are read at the start, for verdicts that come later."""


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
    except (LogError, OSError) as error:
        print(f"clawback: {error}", file=sys.stderr)
        return FAILED
    finally:
        lock.release()


def _run(plan: Plan) -> int:
    began = time.time()
    log = None
    if plan.log:
        os.makedirs(os.path.dirname(plan.log), mode=0o700, exist_ok=True)
        log = Log(plan.log)
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
            known=_known(log, plan),
            style=style,
        )
        print("\n".join(above), flush=True)
    if log is not None and plan.feed:
        companions.append(_feeding(log, plan, style))
    if log is not None and plan.until_idle is not None:
        companions.append(_idling(log, plan.until_idle))
    if log is not None and plan.stalled:
        companions.append(_watching(log))
    try:
        code = asyncio.run(Supervisor(plan, lines, companions=companions).run())
        if log is not None and plan.until_idle is not None:
            _print(*summary(log, plan.prefix, plan.output, began))
    finally:
        lines.close()
        if log is not None:
            log.close()
    return code


def _feeding(log: Log, plan: Plan, style: Style) -> Companion:
    topics = [f"{plan.prefix}.{topic}" for topic in SHOWN]

    async def feed(_: Supervisor) -> None:
        printer = Feed(plan.prefix, style, _print)
        follower = Follower(log, topics, {f"{plan.prefix}.{TURNS}": LOOKBACK})
        async with contextlib.aclosing(follow(log, follower, topics)) as batches:
            async for batch in batches:
                printer.take(batch)

    return feed


def _idling(log: Log, quiet: float) -> Companion:
    async def watch(supervisor: Supervisor) -> None:
        await end_when_idle(supervisor, log, quiet)

    return watch


def _watching(log: Log) -> Companion:
    async def watch(supervisor: Supervisor) -> None:
        await restart_stalled(supervisor, log)

    return watch


def _known(log: Log | None, plan: Plan) -> int:
    counts = topic_counts(log, plan.prefix) if log else []
    return sum(count.records for count in counts if count.name == VERDICTS)


def _print(*lines: str) -> None:
    print(*lines, sep="\n", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
