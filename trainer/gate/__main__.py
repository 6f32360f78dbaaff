"""`python -m trainer.gate GATE.json`: look at the models of a job. Needs clawback[train]."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from pydantic import ValidationError

from trainer.gate.job import GateJob
from trainer.leash import hold
from trainer.refusal import Refusal, first_line, reason_of


def main() -> int:
    """Run the process and return its exit code; a line on standard error says what failed."""
    parser = argparse.ArgumentParser(
        prog="python -m trainer.gate",
        description="Measure a candidate beside the base and the model now served.",
        epilog="Example: python -m trainer.gate ~/.clawback/training/3f2a/gate/gate.json",
    )
    parser.add_argument("job", type=Path, help="what to measure, as JSON (trainer.gate.job)")
    parser.add_argument("--verbose", action="store_true", help="show where an error comes from")
    arguments = parser.parse_args()
    try:
        job = GateJob.model_validate_json(arguments.job.read_bytes())
    except (OSError, ValidationError) as error:
        print(f"trainer.gate: {arguments.job} is no job: {first_line(error)}", file=sys.stderr)
        return 2
    from trainer.gate.measure.process import measure

    hold()

    try:
        measure(job)
    except (Refusal, OSError, ValueError, RuntimeError, ImportError) as error:
        if arguments.verbose:
            raise
        print(f"trainer.gate: {reason_of(error)} (--verbose shows where)", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
