"""Fixtures: a home with an embedded broker and two panels."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from schemas.settings import Broker as BrokerSettings
from schemas.settings import Panel, Paths, Settings, SignalsJudge
from streams.broker import EmbeddedBroker, log_path

OLD = tuple(SignalsJudge(name=name, strict_on="errors") for name in ("a", "b"))
NEW = SignalsJudge(name="c", strict_on="efficiency")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        paths=Paths(home=tmp_path / "home", output=tmp_path / "output", openclaw=(tmp_path,)),
        broker=BrokerSettings(partitions=2),
        judges=(*OLD, NEW),
        panels=(
            Panel(name="default", judges=("a", "b"), quorum=2),
            Panel(name="next", judges=("a", "c"), quorum=2),
        ),
    )


@pytest.fixture
def broker(settings: Settings) -> Iterator[EmbeddedBroker]:
    opened = EmbeddedBroker(log_path(settings), settings)
    opened.ensure_topics()
    yield opened
    opened.close()
