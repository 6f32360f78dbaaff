"""From a job to finished weights, on one rank."""

from __future__ import annotations

import os
import random
import shutil
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final

from trainer import base, checkpoints, data, dpo, kto, metrics, tokens, world
from trainer.following import Following
from trainer.job import CHECKPOINTS, DONE, ERROR, MODEL, Done, Job
from trainer.reference import FILE as REFERENCE
from trainer.reference import Keeping
from trainer.refusal import Refusal

CACHE: Final = "cache"
"""Where `datasets` keeps its files during a run."""

VERSIONS: Final = ("torch", "transformers", "trl", "datasets", "accelerate", "peft", "deepspeed")


def train(job: Job, source: base.Source, place: world.World) -> None:
    """Train, save, and say that it is done. Nothing happens where the job is done already.

    Raises:
        Refusal: the job can't be done.
    """
    if any(world.everyone((job.output / DONE).exists())):
        print(f"run {job.run} is finished already")
        return
    if place.keeps:
        (job.output / ERROR).unlink(missing_ok=True)
    belongs = checkpoints.digest(job, place.size)
    step, before = _resume(job, place, belongs)
    following = Following(job, place, belongs, before)
    trainer = _trainer(job, source, place, Keeping(job.output, belongs, place), following)
    folder = job.output / CHECKPOINTS
    trainer.train(
        resume_from_checkpoint=None if step is None else str(checkpoints.path_of(folder, step))
    )
    seconds = following.seconds
    _save(job, place, trainer)
    # done.json says that every host has all: it comes last.
    world.everyone(None)
    if place.rank == 0:
        _done(job, trainer.state.global_step, seconds)
    world.everyone(None)
    if place.keeps:
        for name in (CHECKPOINTS, CACHE):
            shutil.rmtree(job.output / name, ignore_errors=True)
        (job.output / REFERENCE).unlink(missing_ok=True)


def _resume(job: Job, place: world.World, belongs: str) -> tuple[int | None, float]:
    """Return the step to resume at, None for none, and the seconds it took to come there."""
    folder = job.output / CHECKPOINTS
    here = checkpoints.whole(folder, belongs)
    step = checkpoints.newest(world.everyone(set(here)))
    if place.keeps:
        checkpoints.sweep(folder, {each for each in here if step is not None and each <= step})
    world.everyone(None)
    if step is None:
        return None, 0.0
    if place.rank == 0:
        print(f"resuming at step {step}", flush=True)
    return step, here[step].seconds


def _trainer(
    job: Job, source: base.Source, place: world.World, keeping: Keeping, following: Following
) -> Any:
    """Return TRL's trainer with all that it needs; the reference has been computed."""
    tokenizer = base.load_tokenizer(source)
    limit = min(job.max_length, base.longest(source) or job.max_length)
    with world.first_on_host(place):
        rows, found = _rows(job, tokenizer, limit)
    if place.rank == 0:
        tokens.write(job.output, found)
    kind: type[Any]
    if job.method == "dpo":
        kind, arguments = dpo.PreferenceTrainer, dpo.arguments(job, place, limit)
    else:
        kind = kto.LabelTrainer
        arguments = kto.arguments(job, place, limit, found.label_weights or (1.0, 1.0))
    model = base.load_model(job, source, place.local_rank)
    base.stop_at(model, tokenizer, found.stop)
    second = job.tuning == "full" and not job.precompute_reference
    trainer = kind(
        keeping=keeping,
        model=model,
        ref_model=base.load_model(job, source, place.local_rank) if second else None,
        args=arguments,
        train_dataset=rows,
        processing_class=tokenizer,
        peft_config=base.adapter(job),
        callbacks=[following],
    )
    if len(trainer.train_dataset) != found.kept:
        raise Refusal(
            f"TRL takes {len(trainer.train_dataset)} of {found.kept} rows, and does not say why; "
            "this is a fault of clawback's with this version of TRL"
        )
    return trainer


def _rows(job: Job, tokenizer: Any, limit: int) -> tuple[Any, tokens.Tokens]:
    """Return the rows to train on, and what was counted."""
    read = data.preferences if job.method == "dpo" else data.labelled
    rows = read(job.snapshot, job.output / CACHE)
    kept, found = tokens.count(rows, tokenizer, job.method, limit)
    if job.method == "kto":
        # KTO goes through the rows as they stand, since each needs the same neighbours.
        random.Random(job.seed).shuffle(kept)
    rows = rows.select(kept).remove_columns("id")
    if job.method == "kto":
        good = sum(rows["label"])
        weights = kto.label_weights(good, found.kept - good)
        found = found.model_copy(update={"label_weights": weights})
    return rows, found


def _save(job: Job, place: world.World, trainer: Any) -> None:
    """Write the weights beside their place, and give them their name when they are whole."""
    import torch

    work, folder = job.output / f".{MODEL}", job.output / MODEL
    if place.keeps:
        shutil.rmtree(work, ignore_errors=True)
    world.everyone(None)
    if job.tuning == "full" and job.deepspeed is None and job.precision == "bf16":
        trainer.model.to(torch.bfloat16)
    trainer.save_model(str(work))
    world.everyone(None)
    if place.keeps:
        (work / "training_args.bin").unlink(missing_ok=True)
        shutil.rmtree(folder, ignore_errors=True)
        work.rename(folder)


def _done(job: Job, steps: int, seconds: float) -> None:
    """Write done.json."""
    done = Done(
        run=job.run,
        steps=steps,
        loss=metrics.mean_loss(metrics.read(job.output)),
        seconds=seconds,
        versions={name: found for name in VERSIONS if (found := _version(name))},
    )
    work = job.output / f".{DONE}"
    work.write_text(done.model_dump_json(indent=2) + "\n", encoding="utf-8")
    os.replace(work, job.output / DONE)


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
