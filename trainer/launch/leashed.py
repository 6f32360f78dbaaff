"""``python -m trainer.launch.leashed COMMAND...``: a command that ends when our input does.

For programs such as rsync, which would go on by themselves when their launcher is killed.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress


def main(command: Sequence[str]) -> int:
    """Run the command and return its exit code."""
    # In one group, which ends as a whole whether our input ends or the launcher kills us.
    with suppress(PermissionError):  # of one that leads a session, and so a group, already
        os.setpgid(0, 0)
    try:
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    except FileNotFoundError as error:
        print(f"there is no {error.filename} on this machine", file=sys.stderr)
        return 127
    threading.Thread(target=_watch, daemon=True).start()
    code = child.wait()
    return code if code >= 0 else 128 - code


def _watch() -> None:
    while os.read(0, 4096):
        continue
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
