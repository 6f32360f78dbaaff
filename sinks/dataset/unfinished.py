"""Where a snapshot lies while it is made, and stays if its maker is killed."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Final

_PREFIX: Final = ".making-"


def work_folder(out: Path) -> Path:
    """Return where this process makes a snapshot below `out`, the directory of all snapshots."""
    return out / f"{_PREFIX}{os.getpid()}"


def unfinished(root: Path) -> list[Path]:
    """Return the directories below `root` of snapshots that are being made, or never will be."""
    return sorted(path for path in root.rglob(f"{_PREFIX}*") if path.is_dir())


def remove_stale(out: Path) -> None:
    """Remove from `out` what makers have left that are no more."""
    for path in out.glob(f"{_PREFIX}*"):
        pid = path.name.removeprefix(_PREFIX)
        if not pid.isdigit() or int(pid) == os.getpid() or not _lives(int(pid)):
            shutil.rmtree(path, ignore_errors=True)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
