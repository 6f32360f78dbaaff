"""No rank outlives its parent."""

from __future__ import annotations

import subprocess
import sys

RANK = """
import time
from trainer import leash
leash.hold()
print("held", flush=True)
time.sleep(600)
"""
PARENT = f"""
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", {RANK!r}], stdout=subprocess.PIPE)
child.stdout.readline()
print(child.pid, flush=True)
time.sleep(600)
"""


def test_it_ends_when_its_parent_is_killed() -> None:
    # The child's output is a pipe of its parent's; its standard error is ours, so that the end
    # of that says it has gone, whoever has adopted it.
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert parent.stdout is not None
    assert parent.stderr is not None
    with parent.stdout, parent.stderr:
        assert parent.stdout.readline()
        parent.kill()
        parent.wait()
        assert parent.stderr.read() == b""
