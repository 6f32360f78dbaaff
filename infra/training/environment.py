#!/usr/bin/env python3
"""Print the Python of the kept virtual environment that training is tested in; build it if need be.

torch and CUDA's libraries are several GB, so there is one such environment a machine, outside of
any clone, in ``$XDG_CACHE_HOME/clawback/train-<key>`` (``~/.cache`` without it). The key is that of
the dependencies as pyproject.toml lists them, and of Python's version: another list is another
environment, and the old one may be deleted by hand. It holds what clawback needs, extras included,
but not clawback itself, so that all clones can use it.

Needs nothing but Python. Two that ask at once wait for one build, and a build that was
interrupted is done again.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tomllib
import venv
from pathlib import Path

PROJECT = Path(__file__).parents[2] / "pyproject.toml"
EXTRAS = ("dev", "data", "train")
WHOLE = ".whole"
"""Written into an environment when it is whole."""


def main() -> None:
    """Print the path of the environment's Python."""
    wanted = requirements(PROJECT)
    folder = cache() / f"train-{key(wanted)}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_name(f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not usable(folder):
            say(f"Setting up the environment for training (once, about 6 GB) in {folder} ...")
            try:
                build(folder, wanted, lock.fileno())
            except subprocess.CalledProcessError as error:
                sys.exit(f"the environment for training could not be set up: pip: {error}")
    print(python(folder))


def requirements(project: Path) -> list[str]:
    """Return all dependencies of the project and of the extras that its tests need, sorted."""
    described = tomllib.loads(project.read_text(encoding="utf-8"))["project"]
    extras = described["optional-dependencies"]
    return sorted({*described["dependencies"], *(each for name in EXTRAS for each in extras[name])})


def key(wanted: list[str]) -> str:
    """Return what an environment of these dependencies is called by."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    return hashlib.sha256("\n".join([version, *wanted]).encode()).hexdigest()[:12]


def cache() -> Path:
    """Return where a user's clawback keeps what can be made again."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "clawback"


def python(folder: Path) -> Path:
    """Return an environment's Python."""
    return folder / "bin" / "python"


def usable(folder: Path) -> bool:
    """Say whether an environment is whole, and the Python it was made with still there."""
    return (folder / WHOLE).exists() and python(folder).exists()


def build(folder: Path, wanted: list[str], lock: int) -> None:
    """Make an environment at its final place, since it could not be moved there.

    Args:
        folder: its place; what an interrupted build has left there goes.
        wanted: what is installed.
        lock: the open lock file. pip inherits it, so that the lock holds as long as a pip writes.

    Raises:
        subprocess.CalledProcessError: pip failed, and has said why.
    """
    shutil.rmtree(folder, ignore_errors=True)
    venv.create(folder, with_pip=True)
    subprocess.run(
        [python(folder), "-m", "pip", "install", "-q", "--disable-pip-version-check", *wanted],
        check=True,
        stdout=sys.stderr,
        # DeepSpeed compiles its operators when they are first used, or not at all.
        env={**os.environ, "DS_BUILD_OPS": "0"},
        pass_fds=[lock],
    )
    (folder / WHOLE).touch()


def say(line: str) -> None:
    """Print a line for the person who waits."""
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
