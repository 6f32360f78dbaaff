"""The ranks of a run: who they are, and what they agree on."""

from __future__ import annotations

import os
import socket
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final, TypeVar

from trainer.job import Job
from trainer.refusal import Refusal

PATIENCE: Final = timedelta(hours=2)
"""How long a rank waits for another, which may still be reading the base."""

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class World:
    """This rank among all. `shared` says whether all hosts see one folder `output`."""

    rank: int
    local_rank: int
    size: int
    shared: bool

    @property
    def keeps(self) -> bool:
        """Whether this rank is the one that writes the files of its host."""
        return self.rank == 0 if self.shared else self.local_rank == 0


def prepare(job: Job, *, local: bool) -> None:
    """Set what libraries read from the environment when they are imported.

    Args:
        job: the job.
        local: whether the base is on this host, so that nothing has to be fetched.
    """
    # TRL reports to its makers which trainer runs on what.
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    os.environ["TENSORBOARD_LOGGING_DIR"] = str(job.output / "tensorboard")
    os.environ["TOKENIZERS_PARALLELISM"] = "true"
    if local:
        os.environ["HF_HUB_OFFLINE"] = "1"
    if job.accelerator == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
        os.environ["DS_ACCELERATOR"] = "cpu"
    if job.deepspeed is not None and "RANK" not in os.environ:
        # A single process that no torchrun has started; DeepSpeed would look for MPI.
        os.environ.update(RANK="0", LOCAL_RANK="0", WORLD_SIZE="1", LOCAL_WORLD_SIZE="1")
        os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(_free_port()))


def join(job: Job, environment: Mapping[str, str] = os.environ) -> World:
    """Meet the other ranks and return this one's place.

    Raises:
        Refusal: the job is for an accelerator that is not there.
    """
    import torch
    import torch.distributed

    rank = int(environment.get("RANK", "0"))
    local_rank = int(environment.get("LOCAL_RANK", "0"))
    size = int(environment.get("WORLD_SIZE", "1"))
    if job.accelerator == "cuda":
        if torch.cuda.device_count() <= local_rank:
            raise Refusal(
                f"{socket.gethostname()} has {torch.cuda.device_count()} CUDA devices that torch "
                f"can use, and the run needs number {local_rank + 1}; see hosts.devices and "
                'hosts.accelerator ("cpu" trains without)'
            )
        torch.cuda.set_device(local_rank)
    backend = "nccl" if job.accelerator == "cuda" else "gloo"
    if job.deepspeed is not None:
        import deepspeed

        if job.accelerator == "cpu":
            # It would be compiled for a minute, and a lock left by a killed one hangs all later.
            deepspeed.ops.__compatible_ops__["deepspeed_shm_comm"] = False
        deepspeed.init_distributed(backend, timeout=PATIENCE)
    elif size > 1:
        torch.distributed.init_process_group(backend, timeout=PATIENCE)
    one_host = int(environment.get("LOCAL_WORLD_SIZE", size)) == size
    return World(rank, local_rank, size, one_host or _shared(job.output, rank))


def everyone(value: Value) -> list[Value]:
    """Return what each rank brought, in their order; all ranks have to call it."""
    import torch.distributed as group

    if not group.is_initialized():
        return [value]
    found: list[Value | None] = [None] * group.get_world_size()
    group.all_gather_object(found, value)
    return found  # type: ignore[return-value] # each place has been filled


@contextmanager
def first_on_host(place: World) -> Iterator[None]:
    """Let one rank of each host do something before the others, which find it in the cache."""
    first = place.local_rank == 0
    if not first:
        everyone(None)
    yield
    if first:
        everyone(None)


def _shared(output: Path, rank: int) -> bool:
    """Say whether a file that rank 0 writes in `output` is there for all."""
    mark = output / f".shared-{everyone(uuid.uuid4().hex)[0]}"
    if rank == 0:
        output.mkdir(parents=True, exist_ok=True)
        mark.touch()
    everyone(None)
    found = everyone(mark.exists())
    if rank == 0:
        mark.unlink()
    return all(found)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
