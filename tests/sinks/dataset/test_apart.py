"""The libraries that snapshots need stay out of the running line."""

from __future__ import annotations

import subprocess
import sys


def test_the_running_line_does_not_load_them() -> None:
    code = (
        "import sys, streams.stages.sinks, streams.cli.pairs, streams.worker;"
        "print({'datasets', 'pyarrow', 'genson', 'pandas'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "set()"
