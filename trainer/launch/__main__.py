"""``python -m trainer.launch LAUNCH.json``: launch a run and wait for it.

The exit code is one of `trainer.launch.ending.CODES`, or 2 where the launch can't be read. With
``--leash`` the run ends when the standard input does.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from trainer.launch.ending import CODES, Ending
from trainer.launch.launch import Launch
from trainer.launch.launcher import Launcher

UNREADABLE = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the launch and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m trainer.launch", description=__doc__)
    parser.add_argument("launch", type=Path, help="a launch.json")
    parser.add_argument("--leash", action="store_true", help="end when the standard input does")
    options = parser.parse_args(arguments)
    try:
        launch = Launch.model_validate_json(options.launch.read_bytes())
    except OSError as error:
        print(f"clawback: {options.launch}: {error.strerror}", file=sys.stderr)
        return UNREADABLE
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        print(f"clawback: {options.launch}: {where}: {first['msg']}", file=sys.stderr)
        return UNREADABLE
    try:
        ending = asyncio.run(_run(launch, leash=options.leash))
    except OSError as error:
        print(f"clawback: {launch.folder}: {error}", file=sys.stderr)
        return CODES["failed"]
    if ending.reason:
        print(f"clawback: run {launch.run}: {ending.reason}", file=sys.stderr)
    return CODES[ending.kind]


async def _run(launch: Launch, *, leash: bool) -> Ending:
    launcher = Launcher(launch)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, launcher.stop, "stopped")
    if leash:

        def watch() -> None:
            while os.read(0, 4096):
                continue
            loop.call_soon_threadsafe(launcher.stop, "whoever started the launcher is gone")

        threading.Thread(target=watch, name="leash", daemon=True).start()
    return await launcher.run()


if __name__ == "__main__":
    sys.exit(main())
