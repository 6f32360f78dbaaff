"""A program called ``ssh`` that runs the command on this machine, in a home of its own.

Put `bin_of(tmp_path)` first on PATH. A host is whatever has a directory below `hosts`; a file in
it makes the host misbehave:

    unreachable   ssh says so and ends with 255
    slow          seconds before anything happens
    cut           the connection is cut so many seconds after it is made
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

HOSTS = "FAKE_SSH_HOSTS"


def install(folder: Path) -> dict[str, str]:
    """Make the program and return what the environment must have for it to be found."""
    programs, hosts = folder / "bin", folder / "hosts"
    programs.mkdir(parents=True)
    hosts.mkdir()
    ssh = programs / "ssh"
    ssh.write_text(f'#!/bin/sh\nexec {sys.executable} -m tests.support.fakessh "$@"\n')
    ssh.chmod(0o755)
    return {"PATH": f"{programs}:{os.environ['PATH']}", HOSTS: str(hosts)}


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("-o", action="append")
    parser.add_argument("-l")
    parser.add_argument("-T", action="store_true")
    parser.add_argument("host")
    parser.add_argument("words", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    # rsync gives the command as words, which ssh joins.
    name, line = options.host.rpartition("@")[2], " ".join(options.words)
    home = Path(os.environ[HOSTS]) / name
    if not home.is_dir() or (home / "unreachable").exists():
        print(f"ssh: connect to host {name} port 22: No route to host", file=sys.stderr)
        return 255
    if (home / "slow").exists():
        time.sleep(float((home / "slow").read_text()))
    # What a login there has, and nothing of ours but where this project is.
    environment = {
        "HOME": str(home),
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.environ["PYTHONPATH"],
    }
    child = subprocess.Popen(
        ["sh", "-c", line],
        cwd=home,
        env=environment,
        stdin=subprocess.PIPE,
        start_new_session=True,
    )
    assert child.stdin is not None
    feed = threading.Thread(target=_feed, args=(child,), daemon=True)
    feed.start()
    if (home / "cut").exists():
        try:
            child.wait(float((home / "cut").read_text()))
        except subprocess.TimeoutExpired:
            child.stdin.close()
            print(f"Connection to {name} closed by remote host.", file=sys.stderr)
            sys.stderr.flush()
            os._exit(255)
    code = child.wait()
    return code if code >= 0 else 128 - code


def _feed(child: subprocess.Popen[bytes]) -> None:
    """Pass our input on to its end, as sshd does."""
    assert child.stdin is not None
    try:
        while piece := os.read(0, 65536):
            child.stdin.write(piece)
            child.stdin.flush()
        child.stdin.close()
    except (BrokenPipeError, ValueError, OSError):
        return


if __name__ == "__main__":
    # A broken connection ends it, as it does the real one.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    sys.exit(main())
