"""``python -m streams.worker STAGE...``: one process that runs some stages of the line.

It ends with 0 when it was asked to end, and with 1 when one of its stages can't go on; the
supervisor then starts it again from what is durable.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from schemas.settings import Settings
from streams.broker import open_broker
from streams.flow import BrokerError
from streams.lineup import Running, UnknownStageError, make_stage
from streams.settings import MissingFile, SettingsError, find, load
from streams.supervisor import leash
from streams.trust import Unreadable, trusted, with_stand_ins

STOP_PATIENCE = 4.0
"""Seconds that stages have to finish what they are at."""

logger = logging.getLogger(__name__)


async def run(names: Sequence[str], settings: Settings, *, verbose: bool = False) -> int:
    """Run the stages until SIGTERM or SIGINT, or until one of them fails.

    Returns:
        The exit code.

    Raises:
        BrokerError, UnknownStageError: nothing was started.
    """
    stopping = asyncio.get_running_loop().create_future()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, _settle, stopping)
    broker = open_broker(settings)
    try:
        await asyncio.to_thread(broker.ensure_topics)
        stages = [make_stage(name, settings, broker) for name in names]
        try:
            for stage in stages:
                await stage.start()
                leash.ready(stage.name)
            # What has been made by now stays; the collector need not look at it again.
            gc.collect()
            gc.freeze()
            await asyncio.wait(
                [stopping, *(stage.failed for stage in stages)],
                return_when=asyncio.FIRST_COMPLETED,
            )
        finally:
            await _stop(stages)
        return _report(stages, verbose=verbose)
    finally:
        broker.close()


async def _stop(stages: Sequence[Running]) -> None:
    """Stop the last stage first, so that none waits for one that is gone."""
    try:
        async with asyncio.timeout(STOP_PATIENCE):
            for stage in reversed(stages):
                await stage.stop()
    except TimeoutError:
        logger.warning("stopped after %g s with work at hand; it is done again", STOP_PATIENCE)


def _report(stages: Sequence[Running], *, verbose: bool) -> int:
    code = 0
    for stage in stages:
        if stage.failed.done() and (error := stage.failed.exception()) is not None:
            code = 1
            reason = str(error) or type(error).__name__
            logger.error(
                "%s can't go on: %s", stage.name, reason, exc_info=error if verbose else None
            )
    return code


def _log(*, verbose: bool) -> None:
    """Say on standard error what a person may want to know; Faust's own steps only if asked."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(message)s")
    for room in ("agents", "sinks", "streams"):
        logging.getLogger(room).setLevel(logging.INFO)
    # Faust warns at each start that a sensor nobody asked for has not seen the rebalance begin.
    logging.getLogger("faust.app").setLevel(logging.INFO if verbose else logging.ERROR)
    if not verbose:
        # Why a stage can't go on is said at the end, in one line.
        for handler in logging.getLogger().handlers:
            handler.addFilter(lambda record: "Crashed reason=" not in str(record.msg))
    for library in ("faust", "mode", "streams.embedded"):
        logging.getLogger(library).setLevel(logging.INFO if verbose else logging.WARNING)


def _settle(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the stages named on the command line and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m streams.worker")
    parser.add_argument("--config", type=Path)
    parser.add_argument("--verbose", action="store_true")
    parser.add_argument("stages", nargs="+")
    options = parser.parse_args(arguments)
    _log(verbose=options.verbose)
    leash.hold()
    try:
        settings = with_stand_ins(trusted(load(find(options.config))))
        return asyncio.run(run(options.stages, settings, verbose=options.verbose))
    except (BrokerError, MissingFile, SettingsError, UnknownStageError, Unreadable) as error:
        print(f"ERROR {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
