"""A rank that does as its job's `model` says, without torch: words with ``:`` between."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path


def main() -> None:
    job = json.loads(Path(sys.argv[1]).read_text())
    output = Path(job["output"])
    rank = int(os.environ["RANK"])
    print(f"rank {rank} of {os.environ['WORLD_SIZE']} at work", flush=True)
    do, _, whom = job["model"].partition(":")
    mine = not whom or rank == int(whom)
    if rank == 0:
        rows = (Path(job["snapshot"]) / "train.jsonl").read_text().splitlines()
        with (output / "metrics.jsonl").open("a") as metrics:
            metrics.write(json.dumps({"step": 1, "steps": 1, "loss": len(rows)}) + "\n")
    (output / f"pid.{rank}").write_text(str(os.getpid()))
    if do == "fail" and mine:
        raise ValueError("the loss is not a number")
    if do == "say" and mine:
        (output / "error.json").write_text(json.dumps({"reason": "no row is left", "retry": False}))
        sys.exit(1)
    if do == "deaf":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if do in ("wait", "deaf") or not mine:
        time.sleep(600)
    if rank == 0 and do != "nothing":
        (output / "model").mkdir(exist_ok=True)
        (output / "model" / "weights").write_bytes(b"w" * 100_000)
        (output / "tokens.json").write_text("{}")
        (output / "done.json").write_text(json.dumps({"environment": dict(os.environ)}))


if __name__ == "__main__":
    main()
