"""A training process that is killed at a chosen moment: ``python dying.py JOB.json WHEN``.

WHEN is ``step:N``, right after the line of step N, or ``save:N``, when all files of checkpoint N
are written and it is not yet marked as whole. torchrun may start several; rank 0 dies.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

from trainer import checkpoints, metrics, rank


def main() -> int:
    """Train until then."""
    job, when = sys.argv[1:]
    kind, at = when.split(":")
    module, name = (metrics, "add") if kind == "step" else (checkpoints, "mark")
    real = getattr(module, name)

    def deadly(folder: Any, what: Any, *rest: Any) -> None:
        if (what.step if kind == "step" else what) != int(at):
            real(folder, what, *rest)
            return
        if kind == "step":
            real(folder, what, *rest)
        os.kill(os.getpid(), signal.SIGKILL)

    setattr(module, name, deadly)
    return rank.main([job])


if __name__ == "__main__":
    sys.exit(main())
