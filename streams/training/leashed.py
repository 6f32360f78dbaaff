"""``python -m streams.training.leashed COMMAND...``: a `clawback` command as a child.

It ends when its standard input does, as after Ctrl-C: what it has begun is cleaned up.
"""

from __future__ import annotations

import os
import signal
import threading

from streams.cli import main


def _watch() -> None:
    while os.read(0, 4096):
        continue
    os.kill(os.getpid(), signal.SIGINT)


if __name__ == "__main__":
    threading.Thread(target=_watch, daemon=True).start()
    main()
