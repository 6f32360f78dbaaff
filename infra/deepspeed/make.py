"""Write the examples in this folder again: ``python infra/deepspeed/make.py``, from the clone.

They are what a run gets by itself; take them to start DeepSpeed by hand.
"""

from __future__ import annotations

import json
from pathlib import Path

from schemas.settings import Settings
from streams.settings.load import load
from trainer.launch.hostfile import hostfile
from trainer.launch.launch import launch_of
from trainer.plan.jobs import job_of
from trainer.plan.planner import plan
from trainer.plan.read import shape_of

HERE = Path(__file__).parent


def examples() -> dict[str, str]:
    """Return the text of each file by its name.

    Raises:
        ValueError: one of the plans does not fit.
    """
    settings = load(HERE / "two-sparks.toml")
    return {
        "hostfile": _hostfile(settings),
        "zero3.json": _zero(settings, "lora"),
        "zero3-nvme.json": _zero(settings, "full"),
    }


def _zero(settings: Settings, tuning: str) -> str:
    train = settings.train.model_copy(update={"tuning": tuning})
    wished = settings.model_copy(update={"train": train})
    made = plan(wished, shape_of(train.model), wished.hosts)
    if not made.fits or made.deepspeed is None:
        raise ValueError(made.sentence)
    return json.dumps(made.deepspeed, indent=2) + "\n"


def _hostfile(settings: Settings) -> str:
    made = plan(settings, shape_of(settings.train.model), settings.hosts)
    job = job_of(made, settings, "example", Path("/snapshot"), Path("/run"))
    return hostfile(launch_of(settings, "example", Path("/run"), job).nodes)


if __name__ == "__main__":
    for name, text in examples().items():
        (HERE / name).write_text(text, encoding="utf-8")
