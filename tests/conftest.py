"""Fixtures that any test may take."""

import os
from pathlib import Path

# Compiling the detectors of secrets takes seconds; tests with a home of their own share this.
os.environ.setdefault("KF_RULE_CACHE_DIR", str(Path.home() / ".cache" / "clawback-tests"))

pytest_plugins = ["tests.support.kafka"]
