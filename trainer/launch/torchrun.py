"""``python -m trainer.launch.torchrun ARGS``: torchrun, on a leash.

It ends when its agent is gone, and tells the agent which ranks failed.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import threading
import time

from trainer.launch.rank import TORCHRUN

LEASH = "CLAWBACK_AGENT"
"""The file descriptor of a socket whose other end the agent has."""

GRACE = 5.0
"""Seconds that ranks may take to end when the agent is gone."""


def main() -> int:
    """Run torchrun to its end and return the exit code."""
    leash = socket.socket(fileno=int(os.environ.pop(LEASH)))
    os.set_inheritable(leash.fileno(), False)
    os.environ[TORCHRUN] = str(os.getpid())
    threading.Thread(target=_watch, args=(leash,), name="agent", daemon=True).start()
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.run import parse_args, run

    try:
        run(parse_args(sys.argv[1:]))
    except ChildFailedError as error:
        codes = {rank: failure.exitcode for rank, failure in error.failures.items()}
        leash.sendall(json.dumps(codes).encode() + b"\n")
        return 1
    except SignalException as error:
        return 128 + int(error.sigval)
    return 0


def _watch(leash: socket.socket) -> None:
    while leash.recv(4096):
        continue
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE)
    # Ranks are killed by the kernel, or see to it themselves: `trainer.launch.rank`.
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
