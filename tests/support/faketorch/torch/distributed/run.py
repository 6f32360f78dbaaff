"""Starts ranks as torchrun does: each in a session of its own, all ended when one fails."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress

from torch.distributed.elastic.multiprocessing.api import SignalException
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError, ProcessFailure


def parse_args(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    for name in ("nnodes", "node-rank", "nproc-per-node", "master-port", "max-restarts"):
        parser.add_argument(f"--{name}", type=int, required=True)
    parser.add_argument("--master-addr", required=True)
    parser.add_argument("--module", action="store_true")
    parser.add_argument("script")
    parser.add_argument("rest", nargs=argparse.REMAINDER)
    return parser.parse_args(arguments)


def run(options: argparse.Namespace) -> None:
    def stop(number: int, _: object) -> None:
        raise SignalException(signal.Signals(number))

    signal.signal(signal.SIGTERM, stop)
    first = options.node_rank * options.nproc_per_node
    children = {
        rank: subprocess.Popen(
            [sys.executable, "-u", "-m", options.script, *options.rest],
            env={
                **os.environ,
                "RANK": str(rank),
                "LOCAL_RANK": str(rank - first),
                "WORLD_SIZE": str(options.nnodes * options.nproc_per_node),
                "MASTER_ADDR": options.master_addr,
                "MASTER_PORT": str(options.master_port),
            },
            start_new_session=True,
        )
        for rank in range(first, first + options.nproc_per_node)
    }
    try:
        while True:
            codes = {rank: child.poll() for rank, child in children.items()}
            failed = {rank: ProcessFailure(code) for rank, code in codes.items() if code}
            if failed:
                raise ChildFailedError(options.script, failed)
            if all(code == 0 for code in codes.values()):
                return
            time.sleep(0.05)
    finally:
        for child in children.values():
            if child.poll() is None:
                with suppress(ProcessLookupError):
                    os.killpg(child.pid, signal.SIGTERM)
        for child in children.values():
            child.wait()
