"""What our trainer adds to a step, beside a plain script of TRL's.

    python -m tests.benchmarks.training [--rounds N] [--steps N]

Both train the same small model on the same rows with the same settings, in one process, in turns
(ours, plain, plain, ours, ...), after one round of each that is not counted. A step is timed from
its beginning to the beginning of the next, so what is written between steps is in it: metrics,
TensorBoard, the watch over the loss; checkpoints are in neither. The n-th step has the same rows in
every run, so of each the shortest time of all rounds counts: what is longer is the machine's doing.
Times are of the processor, on one thread; nothing between steps waits for a disk.
The plain script logs nothing but to its output. On a real model a step takes hundreds of times as
long, and what is added stays the same.

It needs torch, so it runs itself again in the environment of `make train-env`.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any
from unittest import mock

ROOT = Path(__file__).parents[2]
LIMIT = 0.02


def main() -> int:
    """Print the figures; return 1 where more is added than may be."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=4, help="runs of each [4]")
    parser.add_argument("--steps", type=int, default=16, help="optimizer steps of a run [16]")
    options = parser.parse_args()
    if find_spec("torch") is None:
        return _again()
    os.environ |= {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}
    return compare(options.rounds, options.steps)


def compare(rounds: int, steps: int) -> int:
    """Train in turns and print what a step takes."""
    from tests.support.tinymodel import make_model, make_snapshot

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model = make_model(folder / "model", hidden=192, layers=4)
        snapshot = make_snapshot(folder / "snapshot", train=128, held_out=0)
        found: dict[str, list[list[float]]] = {"ours": [], "plain": []}
        for number in range(rounds + 1):
            order = ("ours", "plain") if number % 2 else ("plain", "ours")
            for kind in order:
                run = ours if kind == "ours" else plain
                times = run(model, snapshot, folder / f"{kind}-{number}", steps)
                if number:
                    found[kind].append(times)
    ours_s, plain_s = (
        statistics.fmean(min(same) for same in zip(*found[kind], strict=True))
        for kind in ("ours", "plain")
    )
    added = ours_s / plain_s - 1
    print(
        f"a step, the best of {rounds} rounds: ours {ours_s * 1e3:.1f} ms, plain TRL "
        f"{plain_s * 1e3:.1f} ms; added {(ours_s - plain_s) * 1e3:.1f} ms, {added:.2%} "
        f"(aim: at most {LIMIT:.0%})"
    )
    return int(added > LIMIT)


def ours(model: Path, snapshot: Path, output: Path, steps: int) -> list[float]:
    """Train as a job says and return the seconds of each step but the first."""
    from tests.support.tinymodel import make_job
    from trainer import following, rank, training
    from trainer.job import Job

    began: list[float] = []

    class Timed(following.Following):
        def on_step_begin(self, *_args: Any, **_kwargs: Any) -> None:
            began.append(time.process_time())

    job = make_job(model, snapshot, output, max_steps=steps, rows_per_device=4, save_steps=10**6)
    with mock.patch.object(training, "Following", Timed):
        if rank.attempt(Job.model_validate_json(job.read_bytes())):
            raise RuntimeError((output / "error.json").read_text())
    return _between(began)


def plain(model: Path, snapshot: Path, output: Path, steps: int) -> list[float]:
    """Train by a script as TRL's documentation has it, and return the same."""
    from datasets import load_dataset
    from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback
    from trl import DPOConfig, DPOTrainer

    began: list[float] = []

    class Timed(TrainerCallback):  # type: ignore[misc] # transformers has no types here
        def on_step_begin(self, *_args: Any, **_kwargs: Any) -> None:
            began.append(time.process_time())

    rows = load_dataset(
        "parquet",
        data_files={"train": str(snapshot / "data/pairs/train.parquet")},
        cache_dir=str(output / "cache"),
    )["train"]
    DPOTrainer(
        model=AutoModelForCausalLM.from_pretrained(model),
        args=DPOConfig(
            output_dir=str(output),
            max_length=512,
            max_steps=steps,
            per_device_train_batch_size=4,
            learning_rate=1e-3,
            seed=17,
            bf16=False,
            gradient_checkpointing=False,
            precompute_ref_log_probs=True,
            logging_steps=1,
            save_strategy="no",
            report_to="none",
            use_cpu=True,
            disable_tqdm=True,
        ),
        train_dataset=rows.select_columns(["prompt", "chosen", "rejected", "tools"]),
        processing_class=AutoTokenizer.from_pretrained(model),
        callbacks=[Timed()],
    ).train()
    return _between(began)


def _between(began: list[float]) -> list[float]:
    return [after - before for before, after in pairwise(began[1:])]


def _again() -> int:
    found = subprocess.run(
        [sys.executable, ROOT / "infra/training/environment.py"],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    command = [found.stdout.strip(), "-m", "tests.benchmarks.training", *sys.argv[1:]]
    return subprocess.run(command, cwd=ROOT).returncode


if __name__ == "__main__":
    sys.exit(main())
