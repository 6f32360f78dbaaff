"""What the commands about pairs have in common."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from streams.cli.common import find_settings, read_settings
from streams.cli.errors import CommandError

if TYPE_CHECKING:
    from schemas.settings import Settings
    from streams.broker import Broker
    from streams.cli.app import Options
    from streams.pairs.crew import Crew
    from streams.pairs.gather import Gathered


def settings_of(options: Options) -> Settings:
    """Return the settings, with the judges that count."""
    return read_settings(find_settings(options.config))


@contextmanager
def told() -> Iterator[None]:
    """Tell in one line what can't be read or written."""
    from streams.flow import BrokerError
    from streams.pairs.crew import CrewError
    from streams.pairs.file import PairsError
    from streams.table import TableError

    try:
        yield
    except (BrokerError, CrewError, PairsError, TableError, OSError) as error:
        raise CommandError(str(error)) from error


@contextmanager
def opened(settings: Settings) -> Iterator[Broker]:
    """Open the broker, with its topics there."""
    from streams.broker import open_broker

    broker = open_broker(settings)
    try:
        broker.ensure_topics()
        yield broker
    finally:
        broker.close()


@contextmanager
def gathered(
    settings: Settings, broker: Broker, processes: int | None = None
) -> Iterator[tuple[Gathered, Crew]]:
    """Read all records that pairs are made of into a folder of their own."""
    from streams.pairs.crew import Crew
    from streams.pairs.gather import gather
    from streams.pairs.scratch import scratch
    from streams.stages.sinks import panel_label

    with scratch(settings) as place, Crew(processes) as crew:
        yield gather(broker, settings, panel_label(settings), place, crew), crew
