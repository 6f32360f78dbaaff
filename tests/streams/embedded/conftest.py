from collections.abc import Iterator
from pathlib import Path

import pytest

from streams.embedded.log import Log


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    log = Log(tmp_path / "log.db", synchronous="normal")
    yield log
    log.close()
