"""What a host is asked before a run. This file's text is run there by ``python -c``, where nothing
of this project need be installed; so it takes only the standard library, of any Python 3.8."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import os
import platform
import shutil
import socket
import subprocess
import sys
import threading
from typing import Any

MARK = "clawback-host: "
"""Begins the line that is the answer; a shell's start-up files may print what they like."""

PORTS = 50


def look(asked: dict[str, Any]) -> dict[str, Any]:
    """Return what there is of what is asked for."""
    folder = os.path.expanduser(asked["folder"])
    return {
        "python": platform.python_version(),
        "folder": folder,
        "versions": {name: _version(name) for name in asked["packages"]},
        "modules": {name: _importable(name) for name in asked["modules"]},
        "files": {path: os.path.exists(os.path.expanduser(path)) for path in asked["files"]},
        "done": os.path.exists(os.path.join(folder, asked["proof"])),
        "rsync": shutil.which("rsync") is not None,
        "port": _free_port(asked["port"]) if asked["port"] else 0,
        "gpus": _gpus() if asked["gpus"] else None,
    }


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _importable(name: str) -> bool:
    # Found, not imported: torch alone takes seconds.
    try:
        return importlib.util.find_spec(name) is not None
    except ImportError:
        return False


def _free_port(first: int) -> int:
    for port in range(first, first + PORTS):
        with socket.socket() as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                tried.bind(("", port))
            except OSError:
                continue
            return port
    return 0


def _gpus() -> int | None:
    """Count what nvidia-smi lists; None where there is none to ask."""
    if shutil.which("nvidia-smi") is None:
        return None
    listed = subprocess.run(["nvidia-smi", "-L"], stdout=subprocess.PIPE, check=False)
    return sum(line.startswith(b"GPU ") for line in listed.stdout.splitlines())


def _leave_with_the_asker() -> None:
    while os.read(0, 4096):
        pass
    os._exit(1)


if __name__ == "__main__":
    threading.Thread(target=_leave_with_the_asker, daemon=True).start()
    print("\n" + MARK + json.dumps(look(json.loads(sys.argv[1]))), flush=True)
