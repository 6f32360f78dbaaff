"""One training process that axolotl drives: ``python -m trainer.axolotl.rank JOB.json``.

torchrun starts it as it starts `trainer.rank`. It writes the rows and axolotl's configuration into
the run's folder, runs axolotl, which resumes by itself, and leaves the same files.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import time
import traceback
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from trainer import base, leash, metrics, refusal, tokens
from trainer.axolotl import rows
from trainer.axolotl.configuration import FILE, ROWS, ZERO, command, configuration, text
from trainer.job import CHECKPOINTS, DONE, ERROR, MODEL, Done, Job
from trainer.refusal import Refusal

VERSIONS = ("axolotl", "torch", "transformers", "trl", "datasets", "accelerate", "peft")


class Place(BaseModel):
    """This process among all, as torchrun tells it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rank: int = 0
    local_rank: int = 0
    devices: int = 1
    node: int = 0
    nodes: int = 1
    address: str = "127.0.0.1"
    port: int = 29_500

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Place:
        """Read it from torchrun's variables."""
        names = {
            "rank": "RANK",
            "local_rank": "LOCAL_RANK",
            "devices": "LOCAL_WORLD_SIZE",
            "node": "GROUP_RANK",
            "nodes": "GROUP_WORLD_SIZE",
            "address": "MASTER_ADDR",
            "port": "MASTER_PORT",
        }
        told = {key: environment[name] for key, name in names.items() if name in environment}
        return cls.model_validate(told)


def main(argv: list[str] | None = None) -> int:
    """Train; return 0 when the job is finished, 1 when it failed, 2 when it can't be read."""
    parser = argparse.ArgumentParser(
        prog="python -m trainer.axolotl.rank",
        description="Train with axolotl as JOB says. torchrun starts several.",
        epilog="torchrun --nproc_per_node 2 -m trainer.axolotl.rank RUN/job.json",
    )
    parser.add_argument("job", type=Path, help="job.json in the run's folder")
    path: Path = parser.parse_args(argv).job
    try:
        job = Job.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        print(f"{path} is no job: {refusal.first_line(error)}", file=sys.stderr)
        return 2
    leash.hold()
    return attempt(job, Place.of(os.environ))


def attempt(job: Job, place: Place) -> int:
    """Do the job, or say in error.json why not; return the exit code."""
    if (job.output / DONE).exists():
        print(f"run {job.run} is finished already")
        return 0
    try:
        base.refuse_impossible(job)
        refuse_without_axolotl()
        prepare(job, place)
        _train(job, place)
    except Refusal as error:
        refusal.write(job.output, error, first=True)
        print(error, file=sys.stderr)
        return 1
    except Exception as error:  # noqa: BLE001 - whatever it is, a person is told
        traceback.print_exc()
        refusal.write(job.output, error, first=True)
        print(refusal.reason_of(error), file=sys.stderr)
        return 1
    return 0


def refuse_without_axolotl() -> None:
    """Raise where this Python has no axolotl.

    Raises:
        Refusal: it has none.
    """
    if find_spec("axolotl") is None:
        raise Refusal(
            f"{sys.executable} has no axolotl; install axolotl[deepspeed]==0.19.* and this project "
            'into a Python of their own and set train.python to it, or take train.backend = "trl"'
        )


def prepare(job: Job, place: Place) -> None:
    """Write what axolotl reads: the rows, its configuration, and that of ZeRO.

    Raises:
        Refusal: there are no rows, or the base's tokenizer has not the marks they are written with.
    """
    job.output.mkdir(parents=True, exist_ok=True)
    if place.rank == 0:
        (job.output / ERROR).unlink(missing_ok=True)
    source = base.find(job.model)
    if source.gguf:
        raise Refusal("axolotl trains no GGUF file; set train.model to the original weights")
    tokenizer = base.load_tokenizer(source)
    known = tokenizer.get_vocab()
    if missing := [mark for mark in base.CHATML if mark not in known]:
        raise Refusal(
            f"the tokenizer of {job.model} lacks {missing[0]}: rows for axolotl are written in "
            'Qwen2.5\'s chat template; take train.backend = "trl" for this model'
        )
    limit = min(job.max_length, base.longest(source) or job.max_length)
    kept, counted = rows.fitting(
        rows.read(job.snapshot, job.method),
        job.method,
        limit,
        lambda each: len(tokenizer(each, add_special_tokens=False)["input_ids"]),
    )
    weights = (1.0, 1.0)
    if job.method == "kto":
        from trainer.kto import label_weights

        good = sum(row["label"] for row in kept)
        weights = label_weights(good, len(kept) - good)
        counted = counted.model_copy(update={"label_weights": weights})
    mark = str(place.rank)
    rows.write(job, kept, mark)
    if place.rank == 0:
        tokens.write(job.output, counted)
    told = configuration(job, hosts=place.nodes, label_weights=weights)
    by_hand = command(
        job.output / FILE, place.nodes, place.node, place.devices, place.address, place.port
    )
    _write(job.output / FILE, text(told, [by_hand]), mark)
    if job.deepspeed is not None:
        _write(job.output / ZERO, json.dumps(job.deepspeed, indent=2) + "\n", mark)


def _train(job: Job, place: Place) -> None:
    # Telemetry would tell its makers which model is trained.
    os.environ |= {"AXOLOTL_DO_NOT_TRACK": "1", "DO_NOT_TRACK": "1"}
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    from axolotl.cli.train import do_cli

    started = time.monotonic()
    # It reads its own options from the command line, which holds this module's.
    sys.argv = ["axolotl"]
    do_cli(str(job.output / FILE))
    if place.local_rank == 0:
        finish(job)
    if place.rank == 0:
        _done(job, time.monotonic() - started)


def finish(job: Job) -> None:
    """Give the finished weights their place.

    Raises:
        Refusal: axolotl has left none.
    """
    made, folder = job.output / CHECKPOINTS, job.output / MODEL
    weights = "adapter_model*" if job.tuning != "full" else "model*.safetensors"
    for checkpoint in made.glob("checkpoint-*"):
        shutil.rmtree(checkpoint)
    if not any(made.glob(weights)):
        if Place.of(os.environ).node:
            return
        raise Refusal(f"axolotl has left no {weights} in {made}; its log tells why")
    # It leaves its log there, and beside an adapter the base once more.
    needless = ["debug.log", *(["model*.safetensors*"] if job.tuning != "full" else [])]
    for path in [each for name in needless for each in made.glob(name)]:
        path.unlink()
    shutil.rmtree(folder, ignore_errors=True)
    made.rename(folder)
    (job.output / ROWS).unlink(missing_ok=True)


def _done(job: Job, seconds: float) -> None:
    found: list[Any] = metrics.read(job.output)
    done = Done(
        run=job.run,
        steps=found[-1].step if found else 0,
        loss=metrics.mean_loss(found),
        seconds=seconds,
        versions={name: each for name in VERSIONS if (each := _version(name))},
    )
    _write(job.output / DONE, done.model_dump_json(indent=2) + "\n", "0")


def _version(name: str) -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _write(path: Path, content: str, mark: str) -> None:
    work = path.with_name(f".{path.name}.{mark}")
    work.write_text(content, encoding="utf-8")
    os.replace(work, path)


if __name__ == "__main__":
    sys.exit(main())
