"""One training process: ``python -m trainer.rank JOB.json``.

Run plainly it trains alone; torchrun starts several, on one host or on many. All read the same
job. It resumes by itself from the last checkpoint that is whole on every host, and does nothing
where the job is finished.
"""

from __future__ import annotations

import argparse
import sys
import traceback
from pathlib import Path

from pydantic import ValidationError

from trainer import base, leash, refusal, world
from trainer.job import Job
from trainer.refusal import Refusal


def main(argv: list[str] | None = None) -> int:
    """Train; return 0 when the job is finished, 1 when it failed, 2 when it can't be read."""
    parser = argparse.ArgumentParser(
        prog="python -m trainer.rank",
        description="Train as JOB says. It resumes by itself; torchrun starts several.",
        epilog="torchrun --nproc_per_node 2 -m trainer.rank ~/.clawback/training/RUN/job.json",
    )
    parser.add_argument("job", type=Path, help="job.json in the run's folder")
    path: Path = parser.parse_args(argv).job
    try:
        job = Job.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        print(f"{path} is no job: {refusal.first_line(error)}", file=sys.stderr)
        return 2
    leash.hold()
    return attempt(job)


def attempt(job: Job) -> int:
    """Do the job, or say in error.json why not; return the exit code."""
    joined = False
    try:
        base.refuse_impossible(job)
        source = base.find(job.model)
        world.prepare(job, local=source.local)
        place = world.join(job)
        joined = True
        # torch and its kin take seconds to import, and nothing above needs them.
        from trainer.training import train

        train(job, source, place)
    except Refusal as error:
        refusal.write(job.output, error, first=joined)
        print(error, file=sys.stderr)
        return 1
    except Exception as error:  # noqa: BLE001 - whatever it is, a person is told
        # The log of a rank is for whoever looks for the cause.
        traceback.print_exc()
        refusal.write(job.output, error, first=joined)
        print(refusal.reason_of(error), file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
