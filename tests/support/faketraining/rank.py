"""A training without torch: it takes steps, goes on from where it was, and notices another one.

CLAWBACK_TEST_STEPS and CLAWBACK_TEST_SECONDS (a step's) say how long it takes. What else is at work
in the same home is written into `two-at-once` beside the runs' folders, `trained` has a line for
every training that ended well.
"""

from __future__ import annotations

import fcntl
import json
import os
import sys
import time
from pathlib import Path
from typing import IO


def main() -> None:
    job = json.loads(Path(sys.argv[1]).read_text())
    output = Path(job["output"])
    runs = output.parent
    steps = int(os.environ.get("CLAWBACK_TEST_STEPS", "10"))
    with (runs / "at-work").open("a") as lock:
        if not alone(lock):
            with (runs / "two-at-once").open("a") as file:
                file.write(f"{job['run']} {os.getpid()}\n")
        checkpoint = output / "step"
        done = int(checkpoint.read_text()) if checkpoint.exists() else 0
        for step in range(done + 1, steps + 1):
            time.sleep(float(os.environ.get("CLAWBACK_TEST_SECONDS", "0.05")))
            progress = {"step": step, "steps": steps, "loss": 0.7 / step, "accuracy": 0.5}
            with (output / "metrics.jsonl").open("a") as metrics:
                metrics.write(json.dumps(progress | {"tokens_per_s": 100.0}) + "\n")
            temporary = checkpoint.with_suffix(".tmp")
            temporary.write_text(str(step))
            temporary.replace(checkpoint)
        model = output / "model"
        model.mkdir(exist_ok=True)
        (model / "adapter_model.safetensors").write_bytes(job["run"].encode())
        (model / "adapter_config.json").write_text("{}")
        (output / "tokens.json").write_text("{}")
        ended = {"run": job["run"], "steps": steps, "loss": 0.07, "seconds": 1.0, "versions": {}}
        temporary = output / "done.tmp"
        temporary.write_text(json.dumps(ended))
        temporary.replace(output / "done.json")
        with (runs / "trained").open("a") as file:
            file.write(f"{job['run']}\n")


def alone(lock: IO[str]) -> bool:
    """Take the lock; who only looks has it for an instant."""
    for _ in range(10):
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(0.02)
        else:
            return True
    return False


if __name__ == "__main__":
    main()
