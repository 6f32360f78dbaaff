"""Why a training process ended, in one line for a person."""

from __future__ import annotations

import json
import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Final

from trainer.job import ERROR

LONGEST: Final = 400
"""Characters of a reason that is passed on from a library."""


class Refusal(Exception):
    """A run that can't be: its message says what is wrong and what to do. To try again changes
    nothing."""


def reason_of(error: BaseException) -> str:
    """Return what to tell a person of an error."""
    if isinstance(error, Refusal):
        return str(error)
    text = first_line(error)
    if is_out_of_memory(error):
        return (
            f"out of memory: {text}; free memory on the host, lower train.max_length, "
            'or take train.tuning = "lora"'
        )
    return f"{type(error).__name__}: {text}"


def is_out_of_memory(error: BaseException) -> bool:
    """Say whether memory ran out, on a GPU or on the CPU."""
    # torch has an error of its own for GPUs only; its name is the same wherever it is defined.
    return (
        isinstance(error, MemoryError)
        or type(error).__name__ == "OutOfMemoryError"
        or "DefaultCPUAllocator: can't allocate memory" in str(error)
    )


def first_line(error: BaseException) -> str:
    """Return the first line of what an error says that is not empty."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0][:LONGEST] if lines else "it gives no reason"


def write(output: Path, error: BaseException, *, first: bool) -> None:
    """Write error.json: the reason, and whether to try again may help.

    Args:
        output: the run's folder.
        error: what happened.
        first: keep the file that another rank has written. The first to fail is the cause; the
            others fail because of it.
    """
    output.mkdir(parents=True, exist_ok=True)
    found = {"reason": reason_of(error), "retry": not isinstance(error, Refusal)}
    descriptor, name = tempfile.mkstemp(dir=output, prefix=".error-")
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(found, file)
    if first:
        with suppress(FileExistsError):
            os.link(name, output / ERROR)
        os.unlink(name)
    else:
        os.replace(name, output / ERROR)
