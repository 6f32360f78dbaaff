"""A training process does not outlive the one that started it.

Left alone, it would hold a GPU's memory for nobody. Linux can send a signal when a parent dies,
macOS can't, so a thread looks: an orphan gets another parent.
"""

from __future__ import annotations

import os
import threading
import time
from typing import Final

INTERVAL: Final = 0.5
ORPHANED: Final = 75
"""Exit code of a process that ended itself."""


def hold() -> None:
    """End this process, at once, when the parent that it has now is gone."""
    threading.Thread(target=_watch, args=(os.getppid(),), name="leash", daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(INTERVAL)
    os._exit(ORPHANED)
