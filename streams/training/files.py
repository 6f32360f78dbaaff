"""The small files of a run's folder."""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import BaseModel


def write_model(path: Path, what: BaseModel) -> None:
    """Put a file there in one step, so that one that is there is whole.

    Raises:
        OSError: it can't be written.
    """
    temporary = path.with_suffix(".tmp")
    temporary.write_text(what.model_dump_json(indent=2) + "\n", encoding="utf-8")
    os.replace(temporary, path)
