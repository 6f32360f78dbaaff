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
    try:
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
    except FileNotFoundError as error:
        print(f"there is no {error.filename} on this machine", file=sys.stderr)
        return 127
    threading.Thread(target=_watch, args=(child.pid,), daemon=True).start()
    code = child.wait()
    return code if code >= 0 else 128 - code


def _watch(group: int) -> None:
    while os.read(0, 4096):
        continue
    with suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
