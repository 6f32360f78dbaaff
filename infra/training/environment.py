#!/usr/bin/env python3
"""Print the Python of the kept virtual environment that training is tested in; build it if need be.

torch and CUDA's libraries are several GB, so there is one such environment a machine, outside of
any clone, in ``$XDG_CACHE_HOME/clawback/train-<key>`` (``~/.cache`` without it). The key is that of
the extra `train` in pyproject.toml and of Python's version: another extra is another environment,
and the old one may be deleted by hand. What else clawback and its tests need is added to the
environment as it changes, in seconds. clawback itself is not in it, so that all clones can use it.

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
HEAVY = "train"
EXTRAS = ("dev", "data", HEAVY)
WHOLE = ".whole"
"""Written into an environment when it is whole: the key of all that is in it."""


def main() -> None:
    """Print the path of the environment's Python."""
    described = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]
    extras: dict[str, list[str]] = described["optional-dependencies"]
    wanted = [*described["dependencies"], *(each for name in EXTRAS for each in extras[name])]
    folder = cache() / f"train-{key(extras[HEAVY])}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_name(f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            if not (folder / WHOLE).exists() or not python(folder).exists():
                say(f"Setting up the environment for training (once, about 6 GB) in {folder} ...")
                build(folder, wanted, lock.fileno())
            elif (folder / WHOLE).read_text() != key(wanted):
                install(folder, wanted, lock.fileno())
        except subprocess.CalledProcessError as error:
            sys.exit(f"the environment for training could not be set up: pip: {error}")
    print(python(folder))


def key(wanted: list[str]) -> str:
    """Return what an environment of these dependencies is known by."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    return hashlib.sha256("\n".join([version, *sorted(wanted)]).encode()).hexdigest()[:12]


def cache() -> Path:
    """Return where a user's clawback keeps what can be made again."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "clawback"


def python(folder: Path) -> Path:
    """Return an environment's Python."""
    return folder / "bin" / "python"


def build(folder: Path, wanted: list[str], lock: int) -> None:
    """Make an environment at its final place, since it could not be moved there.

    Args:
        folder: its place; what an interrupted build has left there goes.
        wanted: what is installed.
        lock: see `install`.

    Raises:
        subprocess.CalledProcessError: pip failed, and has said why.
    """
    shutil.rmtree(folder, ignore_errors=True)
    venv.create(folder, with_pip=True)
    install(folder, wanted, lock)


def install(folder: Path, wanted: list[str], lock: int) -> None:
    """Install what is missing, and note that all is there.

    Args:
        folder: the environment.
        wanted: what has to be there.
        lock: the open lock file. pip inherits it, so that the lock holds as long as a pip writes.

    Raises:
        subprocess.CalledProcessError: pip failed, and has said why.
    """
    subprocess.run(
        [python(folder), "-m", "pip", "install", "-q", "--disable-pip-version-check", *wanted],
        check=True,
        stdout=sys.stderr,
        # DeepSpeed compiles its operators when they are first used, or not at all.
        env={**os.environ, "DS_BUILD_OPS": "0"},
        pass_fds=[lock],
    )
    (folder / WHOLE).write_text(key(wanted))


def say(line: str) -> None:
    """Print a line for the person who waits."""
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
